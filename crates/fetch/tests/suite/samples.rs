//! Small archives, honest and other, with the description that says what should be in them.

use basin_fetch::{Archive, FileRule, Packing, Published};
use flate2::{Compression, write::GzEncoder};
use md5::{Digest, Md5};
use std::io::Write;
use zip::write::SimpleFileOptions;

/// Bytes of each file of the sample.
pub(crate) const LENGTH: usize = 20_000;

/// Two files that must be there, one that may.
pub(crate) const RULES: &[FileRule] = &[
    FileRule::exact("b.bin", 1, LENGTH as u64),
    FileRule::needed("images/n#_#.JPEG", 1, 2 * LENGTH as u64),
    FileRule::extra("readme.html", 1, 100),
];

/// Bytes that do not compress.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// The files of the sample.
pub(crate) fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("set/b.bin", noise(2, LENGTH)),
        ("set/images/n1_0.JPEG", noise(3, LENGTH)),
        ("set/readme.html", b"hello".to_vec()),
        ("set/unknown.txt", b"passed over".to_vec()),
    ]
}

/// What is known beforehand about a file of this content.
pub(crate) fn published(file: &'static str, content: &[u8]) -> Published {
    let md5: String = Md5::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    Published { file, addresses: &[], bytes: content.len() as u64, md5: md5.leak() }
}

/// What is known beforehand about an archive with this content.
pub(crate) fn described(content: &[u8], packing: Packing, files: &'static [FileRule]) -> Archive {
    let file = if packing == Packing::Zip { "set.zip" } else { "set.tar.gz" };
    Archive {
        name: "sample",
        published: vec![published(file, content)].leak(),
        packing,
        folder: "set",
        files,
        unpacked: 100_000,
    }
}

/// The sample as a tar.gz with its description.
pub(crate) fn sample() -> (Archive, Vec<u8>) {
    let content = tar_gz(|tar| files().iter().for_each(|(name, content)| file(tar, name, content)));
    (described(&content, Packing::TarGz, RULES), content)
}

pub(crate) type Tar = tar::Builder<GzEncoder<Vec<u8>>>;

pub(crate) fn tar_gz(fill: impl FnOnce(&mut Tar)) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    fill(&mut tar);
    tar.into_inner().unwrap().finish().unwrap()
}

/// A regular file. The name is written as it is: the builder of the library would refuse a hostile one.
pub(crate) fn file(tar: &mut Tar, name: &str, content: &[u8]) {
    entry(tar, tar::EntryType::Regular, name, content);
}

pub(crate) fn entry(tar: &mut Tar, kind: tar::EntryType, name: &str, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.as_gnu_mut().unwrap().set_real_size(0);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    tar.append(&header, content).unwrap();
}

/// A link of either kind to a target.
pub(crate) fn link(tar: &mut Tar, kind: tar::EntryType, name: &str, target: &str) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_link_name(target).unwrap();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    tar.append(&header, &[][..]).unwrap();
}

pub(crate) type Zip = zip::ZipWriter<std::io::Cursor<Vec<u8>>>;

pub(crate) fn zip(fill: impl FnOnce(&mut Zip)) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    fill(&mut zip);
    zip.finish().unwrap().into_inner()
}

pub(crate) fn zipped_file(zip: &mut Zip, name: &str, content: &[u8]) {
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    zip.start_file(name, options).unwrap();
    zip.write_all(content).unwrap();
}
