"""Write the sample data of room rentals: rental_train.json, rental_valid.json and rental_test.json.

The files that come with the package were written by this script with the default seed; the same seed gives the same
bytes on every platform and Python version.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.sample_data.rental import SEED, write_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("rental_data"), help="folder to write into")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of every random choice (default: %(default)s)")
    arguments = parser.parse_args()
    for path in write_files(arguments.output, arguments.seed):
        print(path)


if __name__ == "__main__":
    main()
