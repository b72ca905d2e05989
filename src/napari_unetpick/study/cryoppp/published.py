"""What is published of the CryoPPP sets: diameters, pixel sizes, and which of them train and test.

Sources
-------
Diameters and proteins
    Dhakal et al. 2023, Scientific Data 10, 10.1038/s41597-023-02280-2; the table "CryoPPP
    Statistics" in the README of its repository (BioinfoMachineLearning/cryoppp), 34 sets.
Training and test sets
    The tables of training and test data in the READMEs of jianlin-cheng/CryoTransformer (Dhakal
    et al. 2024, Bioinformatics 40, btae109) and jianlin-cheng/CryoSegNet (Gyawali et al. 2024,
    Briefings in Bioinformatics 25, bbae282). Both train on the same 22 sets; CryoSegNet tests on
    10028 as well. Which *micrographs* of a set trained there is in their downloads, not in those
    tables, and is not repeated here.
Pixel sizes
    10081, 10093, 10532: the optics of CryoPPP's own STAR, as quoted in riku359/ReconAwarePick
    (docs/DATA.md). 10345: the same page; CryoPPP declares 0.673, which is the super-resolution
    movie's, while the micrographs are binned by 2 (EMPIAR's image set, the authors' particles and
    EMD-20795 agree on 1.345). 10017: its MRC headers hold 0; a public RELION project of
    that entry has 1.77. 10028: ASPIRE-Python's example for that
    entry. Of the others none was verified, so none is given.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedSet:
    """A set of CryoPPP, by its EMPIAR number.

    Parameters
    ----------
    protein
        What is on the grid.
    diameter_px
        Particle diameter, pixels of the micrographs.
    pixel_size
        A/px where it could be verified, else None.
    """

    id: str
    protein: str
    diameter_px: float
    pixel_size: float | None = None


PUBLISHED: dict[str, PublishedSet] = {
    each.id: each
    for each in (
        PublishedSet("10005", "TRPV1", 142),
        PublishedSet("10017", "β-galactosidase", 108, 1.77),
        PublishedSet("10028", "ribosome (80S)", 224, 1.34),
        PublishedSet("10059", "TRPV1", 132),
        PublishedSet("10061", "β-galactosidase", 471),
        PublishedSet("10075", "bacteriophage MS2", 233),
        PublishedSet("10077", "ribosome (70S)", 216),
        PublishedSet("10081", "transport protein (HCN1)", 154, 1.3),
        PublishedSet("10093", "membrane protein (NOMPC)", 172, 1.22),
        PublishedSet("10096", "viral protein", 84),
        PublishedSet("10184", "aldolase", 118),
        PublishedSet("10240", "lipid transport protein", 156),
        PublishedSet("10289", "transport protein", 162),
        PublishedSet("10291", "transport protein", 130),
        PublishedSet("10345", "signalling protein (integrin)", 149, 1.345),
        PublishedSet("10387", "viral protein (DNA)", 213),
        PublishedSet("10389", "metal-binding protein", 313),
        PublishedSet("10406", "ribosome (70S)", 212),
        PublishedSet("10444", "membrane protein", 217),
        PublishedSet("10526", "ribosome (50S)", 482),
        PublishedSet("10532", "viral protein (hemagglutinin)", 174, 1.03),
        PublishedSet("10576", "nuclear protein (DNA)", 265),
        PublishedSet("10590", "TRPV1 with ligands", 158),
        PublishedSet("10669", "proteasome", 730),
        PublishedSet("10671", "signalling protein", 133),
        PublishedSet("10737", "membrane protein (E. coli)", 179),
        PublishedSet("10760", "membrane protein", 106),
        PublishedSet("10816", "transport protein", 359),
        PublishedSet("10852", "signalling protein", 123),
        PublishedSet("10947", "viral protein", 240),
        PublishedSet("11051", "transcription/DNA/RNA", 214),
        PublishedSet("11056", "transport protein", 164),
        PublishedSet("11057", "hydrolase", 186),
        PublishedSet("11183", "signalling protein", 159),
    )
}

TRAINING_SETS: tuple[str, ...] = (
    *("10005", "10059", "10075", "10077", "10096", "10184", "10240", "10289", "10291", "10387"),
    *("10406", "10444", "10526", "10590", "10671", "10737", "10760", "10816", "10852", "11051"),
    *("11057", "11183"),
)
"""What CryoTransformer and CryoSegNet were trained on."""
