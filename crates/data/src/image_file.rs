//! Image files: which of a folder's files they are, and how one becomes pixels.

use crate::DataError;
use crate::folder::{Kind, list, unreadable};
use crate::image_set::CHANNELS;
use image::codecs::{jpeg::JpegDecoder, png::PngDecoder};
use image::{ColorType, DynamicImage, ImageDecoder, RgbImage};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// Far above any image of 64×64 pixels, which is what there is so far.
pub(crate) const FILE_LIMIT: u64 = 1 << 20;
/// The first bytes of a PNG image, which some copies of the set have under the name of a JPEG.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// An image on disk.
#[derive(Clone, Debug)]
pub(crate) struct ImageFile {
    /// Its name in lower case, without its extension: that is what lists are compared by.
    pub(crate) stem: String,
    pub(crate) path: PathBuf,
}

/// What an image must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Height and width in pixels.
    pub(crate) size: usize,
    /// Whether a grey one passes, with three equal channels.
    pub(crate) may_be_grey: bool,
}

impl Wanted {
    /// Bytes of one image `[size, size, 3]`.
    fn bytes(self) -> usize {
        self.size * self.size * CHANNELS
    }
}

/// The pixels `[n, size, size, 3]` of these files, on all cores; of several errors the first file's.
pub(crate) fn decode_all(files: &[(&Path, u32)], wanted: Wanted) -> Result<Vec<u8>, DataError> {
    let mut pixels = vec![0; files.len() * wanted.bytes()];
    let images = pixels.par_chunks_exact_mut(wanted.bytes()).zip(files);
    match images.find_map_first(|(out, (path, _))| decode(path, wanted, out).err()) {
        Some(error) => Err(error),
        None => Ok(pixels),
    }
}

/// The image files of a folder, sorted by name. Of several that differ in case or extension alone, one counts: the
/// JPEG, if there is one.
pub(crate) fn images(dir: &Path) -> Result<Vec<ImageFile>, DataError> {
    let (mut jpegs, mut pngs) = (BTreeMap::new(), BTreeMap::new());
    for entry in list(dir)?.into_iter().filter(|entry| entry.kind == Kind::File) {
        let name = entry.name.to_ascii_lowercase();
        let Some((stem, extension)) = name.rsplit_once('.') else { continue };
        let images = match extension {
            "jpeg" | "jpg" => &mut jpegs,
            "png" => &mut pngs,
            _ => continue,
        };
        images.entry(stem.to_owned()).or_insert(entry.path);
    }
    for (stem, path) in pngs {
        jpegs.entry(stem).or_insert(path);
    }
    Ok(jpegs.into_iter().map(|(stem, path)| ImageFile { stem, path }).collect())
}

/// Decodes one file into `out` `[size, size, 3]`.
fn decode(path: &Path, wanted: Wanted, out: &mut [u8]) -> Result<(), DataError> {
    let decoder = decoder(path, read_bounded(path, FILE_LIMIT)?)?;
    let found = decoder.dimensions();
    if found != (wanted.size as u32, wanted.size as u32) {
        return Err(DataError::Extent { path: path.to_owned(), expected: wanted.size, found });
    }
    let colours = decoder.color_type();
    if !wanted.may_be_grey && colours != ColorType::Rgb8 {
        return Err(DataError::Form {
            path: path.to_owned(),
            found: format!("an image of mode {colours:?}"),
            expected: "one of red, green and blue, 8 bits each (Rgb8)".to_owned(),
            action: "restore the official file".to_owned(),
        });
    }
    out.copy_from_slice(&rgb(path, decoder)?);
    Ok(())
}

/// Decodes one file of at most so many bytes, if `fits` finds nothing wrong with its width and height.
pub(crate) fn decode_any(
    path: &Path,
    limit: u64,
    fits: &dyn Fn((u32, u32)) -> Result<(), DataError>,
) -> Result<RgbImage, DataError> {
    let decoder = decoder(path, read_bounded(path, limit)?)?;
    fits(decoder.dimensions())?;
    rgb(path, decoder)
}

/// Begins with a JPEG or PNG, whatever its name.
fn decoder(path: &Path, bytes: Vec<u8>) -> Result<Box<dyn ImageDecoder>, DataError> {
    let broken = |reason: String| DataError::Image { path: path.to_owned(), reason };
    let failed = |error: image::ImageError| broken(error.to_string());
    if bytes.starts_with(PNG) {
        return Ok(Box::new(PngDecoder::new(Cursor::new(bytes)).map_err(failed)?));
    }
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return Err(broken(match bytes.len() {
            0 => "it is empty".to_owned(),
            n => format!("it begins with {:02x?}", &bytes[..n.min(8)]),
        }));
    }
    if !ends(&bytes) {
        return Err(broken(format!("no end marker in its {} bytes: truncated", bytes.len())));
    }
    Ok(Box::new(JpegDecoder::new(Cursor::new(bytes)).map_err(failed)?))
}

fn rgb(path: &Path, decoder: Box<dyn ImageDecoder>) -> Result<RgbImage, DataError> {
    let broken =
        |error: image::ImageError| DataError::Image { path: path.to_owned(), reason: error.to_string() };
    Ok(DynamicImage::from_decoder(decoder).map_err(broken)?.into_rgb8())
}

/// Whether a JPEG has its end marker. The decoder fills up what is missing; only the marker tells a whole file from a
/// torn one. A thumbnail has one of its own, so it is looked for behind the last beginning of a scan.
fn ends(bytes: &[u8]) -> bool {
    let scan = bytes.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap_or(0);
    bytes[scan..].windows(2).any(|pair| pair == [0xff, 0xd9])
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|source| unreadable(path, source))?;
    if bytes.len() as u64 > limit {
        let reason = format!("above {limit} bytes");
        return Err(DataError::Image { path: path.to_owned(), reason });
    }
    Ok(bytes)
}
