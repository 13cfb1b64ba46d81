//! EuroSAT (Helber, Bischke, Dengel and Borth, arXiv 1709.00029), red, green and blue of Sentinel-2.

use crate::eurosat::{self, SIZE};
use crate::image_file::FILE_LIMIT;
use crate::{Dataset, Normalisation};
use basin_core::{Archive, Extent, FileRule, Packing, Published};

/// 27 000 images, 64×64, 10 kinds of land cover; no split is official: of every class each fifth is a test
/// image, by its number.
pub static EUROSAT: Dataset = Dataset {
    name: "eurosat",
    classes: eurosat::CLASSES.len(),
    extent: Extent::colour(SIZE),
    official: Some((21_600, 5_400)),
    normalisation: Normalisation::EUROSAT,
    folder: Some("2750, the folder of EuroSAT.zip with a folder for each class"),
    reads: &[".jpg", ".jpeg", ".png"],
    load: |source, split, _| eurosat::load(&EUROSAT, source.given_folder()?, split),
    archive: Some(&ARCHIVE),
};

/// Size and MD5 as TensorFlow Datasets and torchvision list them, and the authors' address, which both had first; torchvision
/// takes it from the second one now.
static ARCHIVE: Archive = Archive {
    name: "eurosat",
    published: &[Published {
        file: "EuroSAT.zip",
        addresses: &[
            "https://madm.dfki.de/files/sentinel/EuroSAT.zip",
            "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
        ],
        bytes: 94_280_567,
        md5: "c8fa014336c82ac7804f0398fcb19387",
    }],
    packing: Packing::Zip,
    folder: "2750",
    files: &[
        FileRule::needed("AnnualCrop/AnnualCrop_#.jpg", 3000, FILE_LIMIT),
        FileRule::needed("Forest/Forest_#.jpg", 3000, FILE_LIMIT),
        FileRule::needed("HerbaceousVegetation/HerbaceousVegetation_#.jpg", 3000, FILE_LIMIT),
        FileRule::needed("Highway/Highway_#.jpg", 2500, FILE_LIMIT),
        FileRule::needed("Industrial/Industrial_#.jpg", 2500, FILE_LIMIT),
        FileRule::needed("Pasture/Pasture_#.jpg", 2000, FILE_LIMIT),
        FileRule::needed("PermanentCrop/PermanentCrop_#.jpg", 2500, FILE_LIMIT),
        FileRule::needed("Residential/Residential_#.jpg", 3000, FILE_LIMIT),
        FileRule::needed("River/River_#.jpg", 2500, FILE_LIMIT),
        FileRule::needed("SeaLake/SeaLake_#.jpg", 3000, FILE_LIMIT),
    ],
    unpacked: 512 << 20,
};
