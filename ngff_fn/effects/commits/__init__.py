"""From a plan to a store, in one step, whatever the kind of store; and what is left where a writer died."""
