"""A bench for crashes.

A commit is run once, and every change that it makes to its store is noted as data (``changes``). From these the states
are built that a crash may leave, without running the commit again (``log``, on the inodes of ``tree``): after each
prefix of the changes, and after a power cut, which loses what was not flushed in every combination. Each state becomes
a store again (``stores``), a reader and the next writer look at it, and the judge says what is wrong (``judge``,
``crash``); of states that tell a reader the same it looks at one (``footprints``). ``turns`` steps writers and readers
through every single operation, one at a time, as a seed says.

What is assumed of an object store: each write, copy or removal happens as a whole, or only if a condition holds. What
one thread of a writer asks for comes after what it had asked for before; what several ask for at the same time may
arrive in any part, and the cut that loses some of it is that of a power cut. As there are no locks, a writer also
stands still before each of its changes while another one commits (``overtaken``).

What is assumed of a file system: a rename or an exchange of two names is kept or lost as a whole, also between two
directories, and is durable once the directory of its (last) new name was flushed; the flush of a file makes its bytes
durable and not its name. Nothing else is in any order.

``changes``, ``tree``, ``log``, ``turns`` and ``replaced`` know nothing of this library: whoever notes the changes of
another can use them, and ``traced`` notes those of any program, by its system calls (``benchmarks.crashes``).
``stores`` says how to note ours in directories and in memory, ``archives`` in zip files, ``object_stores`` behind S3; a
kind of store that is added to ``runs`` is tried with every kind of commit. What a store takes only from a single writer
is tried so, listed, and not counted: it is not promised to be one step there.

``python -m tests.bench`` prints the table of commits, versions, stores and points, and its sums by kinds of commit;
``--all``: without sampling; ``--store zip``: of one kind of store. ``pytest`` runs the sample; ``NGFF_FN_BENCH_ALL=1
pytest tests/test_bench*.py`` all of it, with a million schedules. By default a thousand schedules are run, at some 2 ms
each; CI sets ``NGFF_FN_BENCH_SCHEDULES=101000``. A schedule that fails is made again by the seed that it says:
``python -m tests.bench --seed 123``.
"""
