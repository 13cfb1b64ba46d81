//! Image files: which of a folder's files they are, and how one becomes pixels.

use super::ImageFile;
use crate::DataError;
use crate::folder::{Kind, list, unreadable};
use image::codecs::{jpeg::JpegDecoder, png::PngDecoder};
use image::{DynamicImage, ImageDecoder, ImageResult};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

/// Height and width of an image in pixels.
pub(crate) const SIZE: usize = 64;
/// Far above any image of 64×64 pixels.
pub(crate) const FILE_LIMIT: u64 = 1 << 20;
/// The first bytes of a PNG image, which some copies of the set have under the name of a JPEG.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The image files of a folder, sorted by name. Of several that differ in case or extension alone, one counts: the
/// JPEG, if there is one.
pub(super) fn images(dir: &Path) -> Result<Vec<ImageFile>, DataError> {
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

/// Decodes one file, a JPEG or PNG whatever its name, into `out` `[64, 64, 3]`; grey becomes three equal channels.
pub(super) fn decode(path: &Path, out: &mut [u8]) -> Result<(), DataError> {
    let bytes = read_bounded(path)?;
    let broken = |reason: String| DataError::Image { path: path.to_owned(), reason };
    if bytes.starts_with(PNG) {
        return into_rgb(PngDecoder::new(Cursor::new(bytes)), path, out);
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
    into_rgb(JpegDecoder::new(Cursor::new(bytes)), path, out)
}

fn into_rgb<D: ImageDecoder>(decoder: ImageResult<D>, path: &Path, out: &mut [u8]) -> Result<(), DataError> {
    let broken =
        |error: image::ImageError| DataError::Image { path: path.to_owned(), reason: error.to_string() };
    let decoder = decoder.map_err(broken)?;
    let found = decoder.dimensions();
    if found != (SIZE as u32, SIZE as u32) {
        return Err(DataError::Extent { path: path.to_owned(), expected: SIZE, found });
    }
    out.copy_from_slice(&DynamicImage::from_decoder(decoder).map_err(broken)?.into_rgb8());
    Ok(())
}

/// Whether a JPEG has its end marker. The decoder fills up what is missing; only the marker tells a whole file from a
/// torn one. A thumbnail has one of its own, so it is looked for behind the last beginning of a scan.
fn ends(bytes: &[u8]) -> bool {
    let scan = bytes.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap_or(0);
    bytes[scan..].windows(2).any(|pair| pair == [0xff, 0xd9])
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|source| unreadable(path, source))?;
    if bytes.len() as u64 > FILE_LIMIT {
        let reason = format!("above {FILE_LIMIT} bytes");
        return Err(DataError::Image { path: path.to_owned(), reason });
    }
    Ok(bytes)
}
