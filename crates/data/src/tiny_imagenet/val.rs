//! `val` as published, in one folder with a list of classes, re-foldered by class, or half-way between.

use super::RESTORE;
use super::balance::{self, Found};
use super::class_folders::{check_listed, of_class};
use super::lists::{Annotation, annotations, wrong};
use crate::DataError;
use crate::folder::{file, folder, missing};
use crate::image_file::{ImageFile, images};
use std::collections::BTreeMap;
use std::path::Path;

const ANNOTATIONS: &str = "val_annotations.txt";

/// The images of each class: by the list as published, by class folders where none lies outside them.
pub(super) fn files(val: &Path, classes: &[String]) -> Result<Vec<Vec<ImageFile>>, DataError> {
    let flat_in = folder(val, "images")?;
    let (flat_in, flat) = match flat_in.map(|dir| images(&dir).map(|files| (dir, files))).transpose()? {
        Some((dir, files)) if !files.is_empty() => (dir, files),
        _ => (val.to_owned(), images(val)?),
    };
    let list = file(val, ANNOTATIONS)?;
    if flat.is_empty() {
        return refoldered(val, classes, list.as_deref());
    }
    let list = list.ok_or_else(|| {
        missing(val.join(ANNOTATIONS), format!("{RESTORE}: it says which class each image in val is of"))
    })?;
    let listed = annotations(&list, classes)?;
    let mut images: BTreeMap<String, ImageFile> =
        flat.into_iter().map(|file| (file.stem.clone(), file)).collect();
    let lines: BTreeMap<&str, &Annotation> = listed.iter().map(|line| (&*line.stem, line)).collect();
    // Where moving the images into class folders broke off, the others lie there.
    for (label, class) in classes.iter().enumerate() {
        if folder(val, class)?.is_none() {
            continue;
        }
        for file in of_class(val, class)?.files {
            if let Some(line) = lines.get(&*file.stem).filter(|line| line.class != label) {
                let text = format!("{} {}", line.name, classes[line.class]);
                let expected = format!("{class}, as the image lies in that folder");
                return Err(wrong(&list, line.line, expected, &text));
            }
            images.entry(file.stem.clone()).or_insert(file);
        }
    }
    let found = by_list(&flat_in, &list, &listed, images, classes.len())?;
    balance::check(&found, classes, |_, _| Vec::new())?;
    Ok(found.into_iter().map(|class| class.files).collect())
}

/// The images of each class as the list tells, each once.
fn by_list(
    flat_in: &Path,
    list: &Path,
    listed: &[Annotation],
    mut images: BTreeMap<String, ImageFile>,
    classes: usize,
) -> Result<Vec<Found>, DataError> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found: Vec<Found> =
        (0..classes).map(|_| Found { folder: flat_in.to_owned(), files: Vec::new() }).collect();
    for Annotation { line, name, stem, class } in listed {
        if let Some(before) = seen.insert(stem, *line) {
            let expected = format!("every image once; line {before} has it, too");
            return Err(wrong(list, *line, expected, name));
        }
        let file = images.remove(stem).ok_or_else(|| {
            missing(flat_in.join(name), format!("{RESTORE}; line {line} of {ANNOTATIONS} lists it"))
        })?;
        found[*class].files.push(file);
    }
    if let Some(file) = images.into_values().next() {
        return Err(DataError::Layout {
            path: file.path,
            found: format!("no line in {ANNOTATIONS}"),
            expected: "one for every image in val".to_owned(),
        });
    }
    found.iter_mut().for_each(|class| class.files.sort_by(|a, b| a.stem.cmp(&b.stem)));
    Ok(found)
}

/// The images of each class by class folders. A list that was left there names what is lost.
fn refoldered(val: &Path, classes: &[String], list: Option<&Path>) -> Result<Vec<Vec<ImageFile>>, DataError> {
    let mut folders = classes.iter().map(|class| folder(val, class));
    if folders.all(|folder| matches!(folder, Ok(None))) {
        return Err(missing(
            val.join("images"),
            format!("{RESTORE}; no images and no class folders are in val"),
        ));
    }
    let found = classes.iter().map(|class| of_class(val, class)).collect::<Result<Vec<_>, _>>()?;
    check_listed(val, classes)?;
    let listed = list.map_or(Vec::new(), |list| annotations(list, classes).unwrap_or_default());
    balance::check(&found, classes, |class, _| {
        listed.iter().filter(|line| line.class == class).map(|line| line.name.clone()).collect()
    })?;
    Ok(found.into_iter().map(|class| class.files).collect())
}
