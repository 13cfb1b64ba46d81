//! Images as networks would see them, as a contact sheet; and the views that there are.

use crate::config::Config;
use crate::exit::Usage;
use anyhow::Result;
use basin_data::{ImageSet, Split, chosen};
use basin_plan::division;
use basin_plan::loading::{images, limit};
use basin_plan::others::Others;
use basin_plan::source::source;
use basin_report::{SheetRow, Tile, contact_sheet};
use basin_store::{Outputs, RealFs};
use basin_views::{Takes, Transformation, View};
use std::path::Path;

/// Most images in a row.
const MOST_IMAGES: usize = 40;
/// Most rows of a sheet that shows classes.
const MOST_CLASSES: usize = 20;
/// What stands beside images that are seen through no view.
const PLAIN: &str = "as they are";

/// Keys on which a sheet depends, but for the limit of the split.
const USED: &[&str] =
    &["data.dataset", "data.dir", "data.frost_dir", "data.seed", "data.halved", "data.padded"];
/// What makes the sides of a shift.
const SIDES: &[&str] =
    &["data.partition", "data.imbalance", "data.partition_seed", "data.view_a", "data.view_b"];

/// What to show.
#[derive(Clone, Copy, Debug)]
pub struct Show<'a> {
    /// Data set, number of images, normalisation.
    pub config: &'a Config,
    /// Of which split.
    pub split: Split,
    /// Images in a row, 1 to 40.
    pub images: usize,
    /// Which rows.
    pub rows: Rows<'a>,
}

/// Rows of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows<'a> {
    /// A row for each class.
    Classes,
    /// The first images as they are and through each of these; a corruption without severity is shown at all five.
    Views(&'a [String]),
    /// The two sides that the configuration divides the data into, each as it is and through its view.
    Sides,
}

impl<'a> Rows<'a> {
    /// Both sides where the configuration was asked for a shift, the views where there are some, else classes.
    pub fn asked(config: &Config, views: &'a [String]) -> Self {
        match views {
            _ if config.asked().any(|key| SIDES.contains(&key)) => Self::Sides,
            [] => Self::Classes,
            views => Self::Views(views),
        }
    }
}

impl Show<'_> {
    /// Draws the sheet into `out`, a PNG file, and returns the number of its rows. What is not as published about the data
    /// is said. A file that is there is replaced only with `replace`.
    ///
    /// # Errors
    /// When a view is none or does not take these images, there are not as many images, `out` may not be written, or data
    /// or files fail.
    pub fn write(&self, out: &Path, replace: bool, say: &mut dyn FnMut(&str)) -> Result<usize> {
        if !(1..=MOST_IMAGES).contains(&self.images) {
            let found = self.images;
            return Err(Usage(format!("--images is {found}, expected 1 to {MOST_IMAGES}")).into());
        }
        self.parsed()?;
        let sides = self.rows == Rows::Sides;
        let used =
            |key: &&str| !USED.contains(key) && *key != limit(self.split) && !(sides && SIDES.contains(key));
        self.config.asked().filter(used).for_each(|key| say(&format!("the sheet does not depend on {key}")));
        let mut outputs = Outputs::new([], replace);
        let source = source(self.config);
        if let Some(dir) = source.dir.as_ref().filter(|_| source.reads(out)) {
            outputs = outputs.reading(dir);
        }
        outputs.add(out)?;
        let set = images(self.config, &source, self.split, say)?;
        let rows = self.drawn(&set)?;
        let title = format!("{}, {}", self.config.dataset().name, self.split.name());
        outputs.write(&RealFs, out, &contact_sheet(&title, &rows)?)?;
        Ok(rows.len())
    }

    /// Every view that was asked for, refused before anything is read.
    fn parsed(&self) -> Result<Vec<View>> {
        let texts: Vec<String> = match self.rows {
            Rows::Classes => Vec::new(),
            Rows::Views(views) => views.iter().flat_map(|view| severities(view)).collect(),
            Rows::Sides => division(self.config).views.into_iter().flatten().collect(),
        };
        let parsed = |text: &String| {
            View::parse(text).map_err(|error| Usage(error.to_string()))?;
            self.view(text)
        };
        texts.iter().map(parsed).collect()
    }

    fn view(&self, text: &str) -> Result<View> {
        Others::default().view(self.config, text)
    }

    fn drawn(&self, set: &ImageSet) -> Result<Vec<SheetRow>> {
        let row = |label: String, view: Option<&View>, chosen: &[usize]| -> Result<SheetRow> {
            let chosen = &chosen[..self.images.min(chosen.len())];
            let seen = match view {
                None => None,
                Some(view) => {
                    view.check(set).map_err(|error| Usage(error.to_string()))?;
                    Some(view.apply(set, chosen, &self.config.dataset().normalisation)?)
                }
            };
            let tile = |set: &ImageSet, i: usize| Tile { side: set.size(), pixels: set.image(i).to_vec() };
            let tiles = match &seen {
                Some(seen) => (0..seen.len()).map(|i| tile(seen, i)).collect(),
                None => chosen.iter().map(|&i| tile(set, i)).collect(),
            };
            Ok(SheetRow { label, tiles })
        };
        let all: Vec<usize> = (0..set.len()).collect();
        match self.rows {
            Rows::Classes => {
                let of = |class: usize| {
                    let own = all.iter().copied().filter(|&i| set.labels()[i] as usize == class);
                    row(format!("class {class}"), None, &own.take(self.images).collect::<Vec<_>>())
                };
                (0..set.classes().min(MOST_CLASSES)).map(of).collect()
            }
            Rows::Views(_) => {
                let seen = self.parsed()?;
                let seen = seen.iter().map(|view| row(view.text(), Some(view), &all));
                std::iter::once(row(PLAIN.to_owned(), None, &all)).chain(seen).collect()
            }
            Rows::Sides => {
                let mut rows = Vec::new();
                for (side, data) in ["A", "B"].into_iter().zip(division(self.config).parts(2)?) {
                    let own = chosen(set.labels(), set.classes(), data.part)?;
                    rows.push(row(format!("{side}, {PLAIN}"), None, &own)?);
                    if let Some(view) = data.view.as_deref().map(|view| self.view(view)).transpose()? {
                        rows.push(row(format!("{side}, {}", view.text()), Some(&view), &own)?);
                    }
                }
                Ok(rows)
            }
        }
    }
}

/// A corruption without severity at each of them; anything else as it is.
fn severities(text: &str) -> Vec<String> {
    let (id, seed) =
        text.split_once('@').map_or((text, String::new()), |(id, seed)| (id, format!("@{seed}")));
    let corruption = |one: &&Transformation| one.id == id && matches!(one.takes, Takes::Severity(_));
    match Transformation::all().find(corruption) {
        Some(_) => (1..=5).map(|severity| format!("{id}:{severity}{seed}")).collect(),
        None => vec![text.to_owned()],
    }
}

/// Every transformation that views are made of: how it is written, what it does, the ranges of its parameters.
pub fn describe() -> String {
    let mut text =
        "Views are written as NAME:PARAMETERS, several joined by +, and @SEED where one draws:\n".to_owned();
    for one in Transformation::all() {
        let ranges: Vec<String> = one.parameters().iter().map(|parameter| parameter.range()).collect();
        let ranges = if ranges.is_empty() { String::new() } else { format!(" ({})", ranges.join(", ")) };
        text += &format!("  {:<26} {}{ranges}\n", one.usage(), one.doc);
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;
    use crate::exit;

    fn config(more: &[(&str, &str)]) -> Config {
        let keys = Registry::default().keys().unwrap();
        let settings = [&[("data.test_images", "40"), ("data.dataset", "synthetic")], more].concat();
        let settings: Vec<_> =
            settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Config::plain(&keys, &settings).unwrap()
    }

    fn labels(more: &[(&str, &str)], views: &[String]) -> Vec<String> {
        let config = config(more);
        let set = images(&config, &source(&config), Split::Test, &mut |_| ()).unwrap();
        let rows = Rows::asked(&config, views);
        let rows = Show { config: &config, split: Split::Test, images: 3, rows }.drawn(&set).unwrap();
        assert!(rows.iter().all(|row| row.tiles.len() == 3));
        rows.into_iter().map(|row| row.label).collect()
    }

    #[test]
    fn rows_are_views_severities_sides_or_classes() {
        let views = ["fog@2".to_owned(), "band:1".to_owned()];
        let five = (1..=5).map(|severity| format!("fog:{severity}@2"));
        let expected: Vec<String> =
            [PLAIN.to_owned()].into_iter().chain(five).chain(["band:1".to_owned()]).collect();
        assert_eq!(labels(&[], &views), expected);
        assert_eq!(
            labels(&[("data.view_a", "band:0"), ("data.view_b", "band:2")], &[]),
            ["A, as they are", "A, band:0", "B, as they are", "B, band:2"]
        );
        assert_eq!(
            labels(&[("data.view_b", "grey"), ("data.partition", "imbalance")], &[]),
            ["A, as they are", "B, as they are", "B, grey"]
        );
        assert_eq!(labels(&[], &[]).len(), 10);
    }

    #[test]
    fn what_cannot_be_shown_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("sheet.png");
        let refused = |images, more: &[(&str, &str)], views: &[String]| {
            let config = config(more);
            let show =
                Show { config: &config, split: Split::Test, images, rows: Rows::asked(&config, views) };
            let error = show.write(&out, false, &mut |_| ()).unwrap_err();
            assert_eq!(exit::code(&error), exit::USAGE, "{error:#}");
            assert!(!out.exists());
            error.to_string()
        };
        assert_eq!(refused(0, &[], &[]), "--images is 0, expected 1 to 40");
        assert!(refused(1, &[], &["fogg".to_owned()]).contains("nearest is fog;"));
        assert!(refused(1, &[("data.view_b", "coloured:0.1")], &[]).contains("must be of 1 channel"));
        let config = config(&[]);
        let show = Show { config: &config, split: Split::Test, images: 2, rows: Rows::Classes };
        assert_eq!(show.write(&out, false, &mut |_| ()).unwrap(), 10);
        assert!(show.write(&out, false, &mut |_| ()).unwrap_err().to_string().contains("--force"));
        assert_eq!(show.write(&out, true, &mut |_| ()).unwrap(), 10);
    }

    #[test]
    fn a_sheet_depends_on_keys_that_there_are() {
        assert!(USED.iter().chain(SIDES).all(|used| crate::config::KEYS.iter().any(|key| key.name == *used)));
    }

    #[test]
    fn every_view_is_described_with_its_ranges() {
        let text = describe();
        assert!(text.contains("rotate:angle") && text.contains("(a number in -360..=360 degrees)"), "{text}");
        assert!(Transformation::all().all(|one| text.contains(one.doc)));
    }
}
