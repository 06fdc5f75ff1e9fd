"""Object stores: objects by their keys, conditions in the place of locks, and what fences and leases say there."""
