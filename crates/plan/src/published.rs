//! Corrupted test images as they were published, in the place of ones that are made.

use crate::Case;
use crate::source::sized;
use anyhow::{Context, Result};
use basin_core::{DataRef, Digest, Split};
use basin_data::{CIFAR10, DataError, ImageSet};
use basin_exit::Usage;
use basin_probes::PUBLISHED;
use basin_views::corruptions;
use std::path::Path;

/// A type and a severity of the published arrays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published<'a> {
    kind: &'a str,
    severity: usize,
}

impl<'a> Published<'a> {
    /// Reads a view; none where it is one of images that are made.
    ///
    /// # Errors
    /// [`Usage`] for a view that is written in another way than `published kind:severity`.
    pub(crate) fn of(view: Option<&'a str>) -> Result<Option<Self>, Usage> {
        let Some(named) = view.and_then(|view| view.strip_prefix(PUBLISHED)) else { return Ok(None) };
        let read = named.split_once(':').and_then(|(kind, severity)| Some((kind, severity.parse().ok()?)));
        match read {
            Some((kind, severity)) => Ok(Some(Self { kind, severity })),
            None => Err(Usage(format!("view {PUBLISHED}{named}, expected {PUBLISHED}kind:severity"))),
        }
    }

    /// As many of its images as there are test images, at their size.
    ///
    /// # Errors
    /// [`Usage`] for images that have no published corruptions; [`DataError`] for files that are not these.
    pub(crate) fn load(self, case: &Case, data: &DataRef) -> Result<ImageSet> {
        let (config, test) = (&case.config, &case.test);
        if *config.dataset() != CIFAR10 || case.other(data).is_some() || data.split != Split::Test {
            return Err(Usage(format!(
                "published corruptions of {} of {}, expected test of {}, for which alone they are read",
                data.split.name(),
                data.set.as_deref().unwrap_or(config.dataset().name),
                CIFAR10.name
            ))
            .into());
        }
        let dir = config.data().corrupted_dir.as_str();
        if dir.is_empty() {
            let text = "published corruptions without a folder; set data.corrupted_dir to the folder with CIFAR-10-C's arrays";
            return Err(Usage(text.to_owned()).into());
        }
        let images = corruptions::official(Path::new(dir), self.kind, self.severity)
            .context("published corruptions from data.corrupted_dir")?
            .take(test.len())?;
        let apart = images.labels().iter().zip(test.labels()).position(|(found, own)| found != own);
        if let Some(image) = apart {
            return Err(DataError::Npy {
                path: Path::new(dir).join("labels.npy"),
                what: "the order of the images",
                expected: format!("that of the test images: label {} at image {image}", test.labels()[image]),
                found: format!("another: label {}", images.labels()[image]),
            }
            .into());
        }
        sized(config, images)
    }

    /// What names its images: their content, read once.
    ///
    /// # Errors
    /// As [`Published::load`].
    pub(crate) fn digest(self, case: &Case, data: &DataRef) -> Result<Digest> {
        let (data_keys, Self { kind, severity }) = (case.config.data(), self);
        let (dir, size) = (&data_keys.corrupted_dir, (data_keys.halved, data_keys.padded));
        let key = format!("{dir} {kind} {severity} {size:?} {} {data:?}", case.test_digest);
        case.others.digest(key, || Ok(self.load(case, data)?.digest()))
    }
}

#[cfg(test)]
mod tests {
    use crate::case::tests::with_datasets;
    use crate::loading::Datasets;
    use basin_core::DataRef;
    use basin_exit as exit;
    use std::fs::File;
    use std::io::Write;
    use std::path::Path;

    /// An array of bytes of this shape, whose values are zeros but for the first.
    fn array(path: &Path, shape: &str, first: &[u8], values: u64) {
        let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
        let header = format!("{text:<117}\n");
        let mut file = File::create(path).unwrap();
        file.write_all(b"\x93NUMPY\x01\x00").unwrap();
        file.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(first).unwrap();
        // A hole, which takes no disk.
        file.set_len(10 + header.len() as u64 + values).unwrap();
    }

    #[test]
    fn arrays_take_the_place_of_what_is_made_where_their_order_is_that_of_the_test_images() {
        let folder = tempfile::tempdir().unwrap();
        let (fog, labels) = (folder.path().join("fog.npy"), folder.path().join("labels.npy"));
        let turns: Vec<u8> = (0..50_000u32).map(|i| (i % 10) as u8).collect();
        let pixels = |first: &[u8]| array(&fog, "(50000, 32, 32, 3)", first, 50_000 * 3072);
        pixels(&[7]);
        array(&labels, "(50000,)", &turns, 50_000);
        let place = folder.path().display().to_string();
        // Black images of the official number, the classes in turn.
        let case = |dir: &str| {
            let settings = [("data.dataset", "cifar10"), ("data.corrupted_dir", dir)];
            with_datasets(Datasets::or_blank(), &settings)
        };
        let seen = |severity: u8| DataRef::test().seen(format!("published fog:{severity}"));
        let told = |dir: &str, data: &DataRef| {
            let error = case(dir).check_images(data).unwrap_err();
            (exit::code(&error), format!("{error:#}"))
        };
        let (first, second) = (case(&place), seen(2).first(20));
        first.check_images(&seen(1)).unwrap();
        let images = first.images(&seen(1)).unwrap();
        assert_eq!((images.len(), images.images()[0], images.images()[1]), (first.test.len(), 7, 0));
        assert_eq!(first.images(&second).unwrap().len(), 20);
        assert_eq!(first.labels(&second).unwrap().values(), &first.test.labels()[..20]);
        let name = |data: &DataRef| (first.identity(0).setting().images)(data);
        let content = format!("{} seen published fog:1 of {}", first.test_digest, images.digest());
        assert_eq!(name(&seen(1)), content);
        assert_ne!(name(&seen(2)), name(&seen(1)));

        let (code, text) = told("", &seen(1));
        assert!(code == exit::USAGE && text.contains("set data.corrupted_dir to the folder"), "{text}");
        let (code, text) = told(&place, &DataRef::test().seen("published snow:1"));
        assert!(code == exit::DATA && text.contains("snow.npy is missing"), "{text}");
        let (code, text) = told(&place, &DataRef::train().seen("published fog:1"));
        assert!(
            code == exit::USAGE && text.contains("of train of cifar10, expected test of cifar10"),
            "{text}"
        );
        let (code, text) = told(&place, &seen(6));
        assert!(code == exit::DATA && text.contains("severity must be a whole number in 1..=5"), "{text}");

        // Changed between the plan and its use.
        pixels(&[8]);
        let text = first.images(&seen(1)).unwrap_err().to_string();
        assert!(text.contains("the content of an array is") && text.contains("as when the run was planned"));
        let mut other = turns;
        other[10_003] = 4;
        array(&labels, "(50000,)", &other, 50_000);
        case(&place).check_images(&seen(1)).unwrap();
        let (code, text) = told(&place, &seen(2));
        assert_eq!(code, exit::DATA);
        let words = "labels.npy: the order of the images is another: label 4, expected that of the test images: label 3 at image 3";
        assert!(text.contains(words), "{text}");
    }
}
