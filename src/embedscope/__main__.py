"""``python -m embedscope`` is ``embedscope``."""

from embedscope.cli import main

raise SystemExit(main())
