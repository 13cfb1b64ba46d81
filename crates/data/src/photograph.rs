//! Photographs of any size that are laid over images: a folder of JPEG or PNG files.

use crate::DataError;
use crate::folder::{Kind, given, missing};
use crate::image_file::{self, decode_any};
use basin_core::{Digest, digest};
use std::path::Path;

/// Far above a photograph of some million pixels.
const FILE_LIMIT: u64 = 64 << 20;
/// Most pixels of one.
const MOST_PIXELS: u64 = 64 << 20;

/// Red, green and blue of every pixel, `[height, width, 3]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photograph {
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Interleaved bytes.
    pub pixels: Vec<u8>,
}

impl Photograph {
    /// All photographs of a folder, in the order of their names, each of at least so many pixels a side.
    ///
    /// # Errors
    /// [`DataError::Missing`] for a folder that is not there, [`DataError::Form`] for one without images, for a file in its place
    /// and for a photograph that is too small or too large, [`DataError::Image`] for what cannot be decoded.
    pub fn folder(dir: &Path, least: usize) -> Result<Vec<Self>, DataError> {
        let wrong = |path: &Path, found: String, expected: String| {
            let action = "put photographs there, or pass another folder".to_owned();
            DataError::Form { path: path.to_owned(), found, expected, action }
        };
        let wanted = "a folder of photographs, JPEG or PNG";
        match given(dir) {
            Ok(Kind::Folder) => {}
            Ok(_) => return Err(wrong(dir, "a file".to_owned(), wanted.to_owned())),
            Err(DataError::Missing { .. }) => {
                return Err(missing(dir.to_owned(), format!("pass {wanted}")));
            }
            Err(error) => return Err(error),
        }
        let files = image_file::images(dir)?;
        if files.is_empty() {
            return Err(wrong(dir, "a folder without one".to_owned(), wanted.to_owned()));
        }
        let mut all = Vec::new();
        for file in files {
            let image = decode_any(&file.path, FILE_LIMIT, &|(width, height)| {
                let found = format!("{width}x{height} pixels");
                if (width.min(height) as usize) < least {
                    return Err(wrong(&file.path, found, format!("at least {least}x{least}")));
                }
                if u64::from(width) * u64::from(height) > MOST_PIXELS {
                    return Err(wrong(&file.path, found, format!("at most {MOST_PIXELS} in all")));
                }
                Ok(())
            })?;
            let (width, height) = (image.width() as usize, image.height() as usize);
            all.push(Self { width, height, pixels: image.into_raw() });
        }
        Ok(all)
    }

    /// Content hash of its size and pixels.
    pub fn digest(&self) -> Digest {
        let [width, height] = [self.width, self.height].map(|n| (n as u64).to_le_bytes());
        digest([&b"photograph 1"[..], &width, &height, &self.pixels])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photographs_are_those_of_the_folder_by_name() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(fixtures.join("red.JPEG"), folder.path().join("b.jpg")).unwrap();
        std::fs::copy(fixtures.join("grey.png"), folder.path().join("a.png")).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "none").unwrap();
        let all = Photograph::folder(folder.path(), 8).unwrap();
        assert_eq!(all.iter().map(|one| (one.width, one.height)).collect::<Vec<_>>(), [(64, 64); 2]);
        assert!(all[0].pixels.chunks_exact(3).all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2]));
        assert!(all[1].pixels[0] > all[1].pixels[1] && all[0].digest() != all[1].digest());
    }

    #[test]
    fn a_folder_of_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let told = |path: &Path| Photograph::folder(path, 65).unwrap_err().to_string();
        assert!(
            told(folder.path()).contains("is a folder without one, expected a folder of photographs, JPEG")
        );
        let absent = folder.path().join("absent");
        assert!(told(&absent).ends_with("absent is missing; pass a folder of photographs, JPEG or PNG"));
        let image = folder.path().join("x.jpg");
        std::fs::write(&image, "no photograph").unwrap();
        assert!(told(&image).contains("x.jpg is a file, expected a folder of photographs"));
        assert!(told(folder.path()).contains("x.jpg is not a readable JPEG or PNG image: it begins with"));
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        std::fs::copy(fixtures.join("red.JPEG"), &image).unwrap();
        assert!(
            told(folder.path()).contains("x.jpg is 64x64 pixels, expected at least 65x65; put photographs")
        );
    }
}
