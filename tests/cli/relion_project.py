"""A RELION project to the letter, with two simulated micrographs and a job that picks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STAR = "CtfFind/job003/micrographs_ctf.star"
JOB = "External/job004"
NAMES = ("MotionCorr/job002/Movies/mic1.mrc", "MotionCorr/job002/Movies/mic2.mrc")
DIAMETER = 280.0

PIPELINE_3 = """
# version 30001

data_pipeline_general

_rlnPipeLineJobCounter                       4


# version 30001

data_pipeline_processes

loop_
_rlnPipeLineProcessName #1
_rlnPipeLineProcessAlias #2
_rlnPipeLineProcessType #3
_rlnPipeLineProcessStatus #4
CtfFind/job003/       None            2            2


# version 30001

data_pipeline_nodes

loop_
_rlnPipeLineNodeName #1
_rlnPipeLineNodeType #2
CtfFind/job003/micrographs_ctf.star            1


# version 30001

data_pipeline_input_edges

loop_
_rlnPipeLineEdgeFromNode #1
_rlnPipeLineEdgeProcess #2


# version 30001

data_pipeline_output_edges

loop_
_rlnPipeLineEdgeProcess #1
_rlnPipeLineEdgeToNode #2
CtfFind/job003/ CtfFind/job003/micrographs_ctf.star

"""
PIPELINE_4 = (
    PIPELINE_3.replace("ProcessType #3", "ProcessTypeLabel #3")
    .replace("ProcessStatus #4", "ProcessStatusLabel #4")
    .replace("None            2            2", "None relion.ctffind.ctffind4  Succeeded")
    .replace("NodeType #2", "NodeTypeLabel #2")
    .replace("ctf.star            1", "ctf.star MicrographsData.star.relion.ctf")
)
PIPELINE_5 = (
    PIPELINE_4.replace("# version 30001", "# version 50001")
    .replace("NodeTypeLabel #2\n", "NodeTypeLabel #2\n_rlnPipeLineNodeTypeLabelDepth #3\n")
    .replace("MicrographsData.star.relion.ctf", "MicrographGroupMetadata.star.relion.ctf   1")
)
PIPELINES = {"3.1": PIPELINE_3, "4.0": PIPELINE_4, "5": PIPELINE_5}

MICROGRAPHS = """
# version 30001

data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnMicrographPixelSize #3
_rlnVoltage #4
_rlnSphericalAberration #5
_rlnAmplitudeContrast #6
first            1     4.000000   300.000000     2.700000     0.100000
second           2     {second:.6f}   300.000000     2.700000     0.100000


# version 30001

data_micrographs

loop_
_rlnMicrographName #1
_rlnOpticsGroup #2
_rlnDefocusU #3
_rlnDefocusV #4
_rlnDefocusAngle #5
"""


def as_relion(text: str) -> str:
    """Write a space at the end of lines, as RELION does."""
    return re.sub(r"(?m)^(?!#|data_)(.+)$", r"\1 ", text)


@dataclass(frozen=True)
class Project:
    """A RELION project folder; jobs are started in it."""

    folder: Path

    @property
    def job(self) -> Path:
        """The folder of the External job."""
        return self.folder / JOB

    def write_pipeline(self, version: str) -> None:
        (self.folder / "default_pipeline.star").write_text(as_relion(PIPELINES[version]))

    def list_micrographs(self, groups: Mapping[str, int], second: float = 4.0) -> None:
        """Write CtfFind's STAR of micrographs with their optics groups, the second's in A/px."""
        rows = [f"{name} {group} 12000.0 12000.0 0.0\n" for name, group in groups.items()]
        star = self.folder / STAR
        star.parent.mkdir(parents=True, exist_ok=True)
        star.write_text(as_relion(MICROGRAPHS.format(second=second) + "".join(rows)))

    def ends(self) -> list[str]:
        """How the job ended, as its folder tells RELION."""
        return sorted(file.name for file in self.job.glob("RELION_JOB_*"))


def command(*more: str) -> list[str]:
    """The words of the command as RELION writes it, without quotes and with a value left empty."""
    text = (
        f"relion-job --o {JOB}/ --in_mics {STAR} --diameter {DIAMETER:g} --contrast dark "
        f"--threshold 0.5 --keep  {' '.join(more)} --j 1"
    )
    return text.split()
