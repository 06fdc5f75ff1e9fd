"""What is in a store as others know it: arrays of NumPy, Dask, xarray and TensorStore, groups of Zarr."""
