//! Archives that no honest publisher makes. Their checksums are right here: what is tested is the last wall.

use crate::samples::{self, RULES, Tar, described, entry, file, link, noise, tar_gz, zip, zipped_file};
use crate::{get, names};
use basin_fetch::{FetchError, Packing};
use std::fs;
use std::path::Path;
use tar::EntryType;
use zip::write::SimpleFileOptions;

/// Fetches an archive that lies there already; it must be refused, and leave nothing but itself.
#[track_caller]
fn refused(content: &[u8], packing: Packing) -> FetchError {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("data");
    fs::create_dir(&dir).unwrap();
    let archive = described(content, packing, RULES);
    fs::write(dir.join(archive.published[0].file), content).unwrap();
    let error = get(&archive, &dir, &[]).unwrap_err();
    assert_eq!(names(&dir), [archive.published[0].file], "{error}");
    assert_eq!(names(outer.path()), ["data"], "{error}");
    let text = error.to_string();
    assert!(text.contains(archive.published[0].file) && text.contains("delete it"), "{text}");
    error
}

/// The sample with something more before its files.
fn tar_with(more: impl FnOnce(&mut Tar)) -> Vec<u8> {
    tar_gz(|tar| {
        more(tar);
        samples::files().iter().for_each(|(name, content)| file(tar, name, content));
    })
}

#[track_caller]
fn refused_as_unsafe(content: &[u8], packing: Packing, words: &str) {
    let error = refused(content, packing);
    assert!(matches!(error, FetchError::Unsafe { .. }), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn no_name_leads_out_of_the_folder() {
    for (name, words) in [
        ("../x", "leads out of its folder"),
        ("set/../../x", "leads out of its folder"),
        ("/tmp/x", "is an absolute path"),
        ("set\\..\\..\\x", "has a name that these archives do not use"),
        ("C:/x", "has a name that these archives do not use"),
    ] {
        refused_as_unsafe(&tar_with(|tar| file(tar, name, b"x")), Packing::TarGz, words);
        let zipped = zip(|zip| zipped_file(zip, name, b"x"));
        refused_as_unsafe(&zipped, Packing::Zip, words);
    }
}

#[test]
fn links_and_devices_are_refused() {
    for (kind, words) in [(EntryType::Symlink, "symbolic link"), (EntryType::Link, "hard link")] {
        for target in ["/etc/passwd", "b.bin", "../../x"] {
            let content = tar_with(|tar| link(tar, kind, "set/images", target));
            refused_as_unsafe(&content, Packing::TarGz, words);
        }
    }
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::GNUSparse] {
        let content = tar_with(|tar| entry(tar, kind, "set/b.bin", b""));
        refused_as_unsafe(&content, Packing::TarGz, "neither file nor folder");
    }
    let linked = zip(|zip| zip.add_symlink("set/images", "/etc", SimpleFileOptions::default()).unwrap());
    refused_as_unsafe(&linked, Packing::Zip, "symbolic link");
}

#[test]
fn bombs_go_off_nowhere() {
    // 4 MB of zeros in some kilobytes, as a file of the set and as one beside it.
    let zeros = vec![0; 4_000_000];
    for name in ["set/images/n1_1.JPEG", "set/other"] {
        let error = refused(&tar_with(|tar| file(tar, name, &zeros)), Packing::TarGz);
        assert!(error.to_string().contains("more than 100000 bytes"), "{error}");
        let error = refused(&zip(|zip| zipped_file(zip, name, &zeros)), Packing::Zip);
        assert!(error.to_string().contains("more than 100000 bytes"), "{error}");
    }
    // A long name that the tar format keeps in an entry of its own.
    let long = tar_with(|tar| entry(tar, EntryType::GNULongName, "x", &zeros));
    assert!(matches!(refused(&long, Packing::TarGz), FetchError::Broken { .. }));
    let large = tar_with(|tar| file(tar, "set/b.bin", &noise(1, samples::LENGTH + 1)));
    refused_as_unsafe(&large, Packing::TarGz, "has 20001 bytes, expected 20000 to 20000");
}

#[test]
fn a_zip_that_announces_less_than_it_holds_is_refused() {
    let honest = zip(|zip| zipped_file(zip, "set/b.bin", &noise(2, samples::LENGTH + 4000)));
    // The size stands in the local header, in the directory, and nowhere else.
    let (true_size, lie) =
        ((samples::LENGTH as u32 + 4000).to_le_bytes(), (samples::LENGTH as u32).to_le_bytes());
    let mut lying = honest.clone();
    let places: Vec<usize> = (0..honest.len() - 4).filter(|&i| honest[i..i + 4] == true_size).collect();
    assert_eq!(places.len(), 2);
    places.iter().for_each(|&place| lying[place..place + 4].copy_from_slice(&lie));
    let error = refused(&lying, Packing::Zip);
    assert!(matches!(error, FetchError::Broken { .. }), "{error}");
}

#[test]
fn more_entries_than_the_set_has_are_refused() {
    let many = tar_with(|tar| (0..200).for_each(|i| file(tar, &format!("set/{i}.txt"), b"")));
    let error = refused(&many, Packing::TarGz);
    assert!(error.to_string().contains("more than 106 entries"), "{error}");
    let many = zip(|zip| (0..200).for_each(|i| zipped_file(zip, &format!("set/{i}.txt"), b"")));
    let error = refused(&many, Packing::Zip);
    assert!(error.to_string().contains("more than 106 entries"), "{error}");
    let images = tar_with(|tar| file(tar, "set/images/n2_0.JPEG", b"second"));
    let error = refused(&images, Packing::TarGz);
    assert!(error.to_string().contains("more than 1 files images/n#_#.JPEG"), "{error}");
}

#[test]
fn a_file_that_comes_twice_is_refused() {
    let twice = tar_with(|tar| file(tar, "./set//b.bin", &noise(2, samples::LENGTH)));
    let error = refused(&twice, Packing::TarGz);
    assert!(error.to_string().contains("more than 1 files b.bin"), "{error}");
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    let (_, content) = samples::sample();
    for end in [0, 1, 10, 100, content.len() / 2, content.len() - 9000] {
        let error = refused(&content[..end], Packing::TarGz);
        assert!(matches!(error, FetchError::Broken { .. } | FetchError::Lacks { .. }), "{end}: {error}");
    }
    let content =
        zip(|zip| samples::files().iter().for_each(|(name, content)| zipped_file(zip, name, content)));
    for end in [0, 1, 100, content.len() / 2, content.len() - 1] {
        let error = refused(&content[..end], Packing::Zip);
        assert!(matches!(error, FetchError::Broken { .. }), "{end}: {error}");
    }
}

#[test]
fn a_flipped_bit_in_a_zip_is_found_by_its_own_checksum() {
    let mut content =
        zip(|zip| samples::files().iter().for_each(|(name, content)| zipped_file(zip, name, content)));
    content[15_000] ^= 1;
    assert!(matches!(refused(&content, Packing::Zip), FetchError::Broken { .. }));
}

#[test]
fn an_archive_that_lacks_a_file_is_refused_with_its_name() {
    let lacking = tar_gz(|tar| file(tar, "set/b.bin", &noise(2, samples::LENGTH)));
    let error = refused(&lacking, Packing::TarGz).to_string();
    assert!(error.contains("has 0 of 1 files images/n#_#.JPEG (# for a number)"), "{error}");
    // A folder of that name is not a file.
    let folder = tar_gz(|tar| entry(tar, EntryType::Directory, "set/b.bin/", b""));
    let error = refused(&folder, Packing::TarGz).to_string();
    assert!(error.contains("has 0 of 1 files b.bin"), "{error}");
}

#[test]
fn a_page_under_the_archives_name_is_refused_by_its_checksum() {
    let ((archive, _), dir) = (samples::sample(), tempfile::tempdir().unwrap());
    let page = vec![b'<'; archive.published[0].bytes as usize];
    fs::write(dir.path().join("set.tar.gz"), &page).unwrap();
    let error = get(&archive, dir.path(), &[]).unwrap_err();
    assert!(
        matches!(&error, FetchError::Checksum { expected, .. } if expected == archive.published[0].md5),
        "{error}"
    );
    assert_eq!(fs::read(dir.path().join("set.tar.gz")).unwrap(), page, "what the user has stays");
}

#[test]
fn what_has_the_folders_name_and_is_not_the_set_is_left_alone() {
    let ((archive, _), dir) = (samples::sample(), tempfile::tempdir().unwrap());
    let occupied = |words: &str| {
        let error = get(&archive, dir.path(), &[]).unwrap_err();
        assert!(matches!(error, FetchError::Occupied { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    let folder: &Path = &dir.path().join("set");
    fs::write(folder, "a file").unwrap();
    occupied("is there but is not a folder");
    fs::remove_file(folder).unwrap();
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("b.bin"), noise(2, samples::LENGTH - 1)).unwrap();
    occupied("has 0 of 1 files b.bin of the right size");
    fs::write(folder.join("b.bin"), noise(2, samples::LENGTH)).unwrap();
    occupied("has 0 of 1 files images/n#_#.JPEG");
    assert_eq!(names(dir.path()), ["set"]);
}
