"""Edits: functions from a record to a record, subject first; none of them reads a pixel or touches a store.

Where an edit needs what a file beside it also needs, that is in ``arguments`` (what callers hand in) or in ``cascade``
(levels that follow the one above them).
"""
