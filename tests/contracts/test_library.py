"""The library part runs where none of the machinery is installed."""

import subprocess
import sys

PROBE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"prefect", "mlflow", "dvc", "optuna", "boto3", "pipelines", "flows"}:
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, Blocked())
import pkgutil, importlib, smis
for module in pkgutil.walk_packages(smis.__path__, "smis."):
    importlib.import_module(module.name)
print("all imported")
"""


def test_smis_imports_whole_without_prefect_mlflow_and_dvc() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all imported\n"
