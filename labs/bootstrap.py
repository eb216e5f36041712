# @title Set-up: run me first (works only in Colab, does nothing elsewhere)
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

COLAB = "google.colab" in sys.modules
ADDRESS = os.environ.get("LABKIT_BOOTSTRAP") or (COLAB and "{{repository}}")


def plain(name):
    return re.match(r"[\w.-]+", name)[0].lower().replace("_", "-")


if ADDRESS:
    clone = Path("labkit-repo").resolve()
    if not clone.exists():
        subprocess.run(["git", "clone", "-q", "--depth", "1", ADDRESS, str(clone)], check=True)
    project = tomllib.loads((clone / "pyproject.toml").read_text())["project"]
    needed = [plain(line) for line in project["dependencies"]]
    found = importlib.metadata.distributions()
    present = {plain(each.metadata["Name"]): each.version for each in found}
    fixed = [f"{n}=={present[n]}" for n in ("torch", "torchvision", "numpy")]  # never replaced
    missing = [name for name in needed if name not in present]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if importlib.util.find_spec("labkit") is None:
        subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", str(clone)], check=True)
        sys.path.insert(0, str(clone))
    if missing:
        subprocess.run([*pip, *missing, *fixed], check=True)
    print(f"labkit is ready; installed beside it: {', '.join(missing) or 'nothing'}")
    for name in needed:
        loaded = getattr(sys.modules.get(name.replace("-", "_")), "__version__", "").split("+")[0]
        if loaded and loaded != importlib.metadata.version(name).split("+")[0]:
            raise RuntimeError(f"Restart the session, then Run All: {name} {loaded} is outdated")
    if COLAB:
        importlib.import_module("google.colab.output").enable_custom_widget_manager()
elif importlib.util.find_spec("labkit") is None:
    home = [p for p in (Path.cwd(), *Path.cwd().parents) if (p / "labkit/__init__.py").exists()]
    if not home:
        raise ModuleNotFoundError("labkit is not installed here: run `make lab` in its repository")
    sys.path.insert(0, str(home[0]))
