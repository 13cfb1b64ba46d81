//! Zip archives as PyTorch writes them: uncompressed entries, 64-bit sizes. Names are only compared, never
//! used as paths.

use crate::Problem;
use crate::names::shown;
use std::collections::BTreeMap;

const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const MOST_ENTRIES: u64 = 100_000;

/// The entries of an archive, each the bytes it stands for.
#[derive(Debug)]
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    method: u16,
    size: u64,
    header: u64,
}

fn broken(reason: impl Into<String>) -> Problem {
    Problem::Archive { reason: reason.into() }
}

fn truncated(reason: String) -> Problem {
    Problem::Truncated { what: "a PyTorch archive", reason }
}

impl<'a> Archive<'a> {
    /// Reads the table of contents.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Problem> {
        let (count, start) = end_record(bytes)?;
        if count > MOST_ENTRIES {
            return Err(broken(format!("{count} entries, expected at most {MOST_ENTRIES}")));
        }
        let mut entries = BTreeMap::new();
        let mut at = start;
        for _ in 0..count {
            let (name, entry, next) = central_entry(bytes, at)?;
            if entries.insert(name.clone(), entry).is_some() {
                return Err(broken(format!("entry {} stands in it twice", shown(&name))));
            }
            at = next;
        }
        Ok(Self { bytes, entries })
    }

    /// Names of the entries, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The bytes of an entry.
    pub(crate) fn get(&self, name: &str) -> Result<&'a [u8], Problem> {
        let entry =
            self.entries.get(name).ok_or_else(|| broken(format!("entry {} is missing", shown(name))))?;
        if entry.method != 0 {
            return Err(broken(format!(
                "entry {} is compressed, expected stored entries as torch.save writes them",
                shown(name)
            )));
        }
        let header = slice(self.bytes, entry.header, 30)?;
        if u32_at(header, 0) != LOCAL {
            return Err(broken(format!("entry {} has no header at byte {}", shown(name), entry.header)));
        }
        let skip = 30 + u64::from(u16_at(header, 26)) + u64::from(u16_at(header, 28));
        slice(self.bytes, entry.header.saturating_add(skip), entry.size)
    }
}

/// Number of entries and where their table begins.
fn end_record(bytes: &[u8]) -> Result<(u64, u64), Problem> {
    // The record is 22 bytes and may be followed by a comment of at most 65535.
    let earliest = bytes.len().saturating_sub(22 + 65_535);
    let end = (earliest..(bytes.len() + 1).saturating_sub(22))
        .rev()
        .find(|&at| u32_at(bytes, at) == END)
        .ok_or_else(|| truncated("the table at its end is missing".into()))?;
    if let Some(locator) = end.checked_sub(20).filter(|&at| u32_at(bytes, at) == LOCATOR_64) {
        let record = slice(bytes, u64_at(bytes, locator + 8), 56)?;
        if u32_at(record, 0) == END_64 {
            return Ok((u64_at(record, 32), u64_at(record, 48)));
        }
    }
    Ok((u64::from(u16_at(bytes, end + 10)), u64::from(u32_at(bytes, end + 16))))
}

/// Name, entry, and where the next one begins.
fn central_entry(bytes: &[u8], at: u64) -> Result<(String, Entry, u64), Problem> {
    let fixed = slice(bytes, at, 46)?;
    if u32_at(fixed, 0) != CENTRAL {
        return Err(broken(format!("no entry at byte {at} of its table")));
    }
    let [name_len, extra_len, comment_len] = [28, 30, 32].map(|i| u64::from(u16_at(fixed, i)));
    let name = String::from_utf8(slice(bytes, at + 46, name_len)?.to_vec())
        .map_err(|_| broken(format!("the entry at byte {at} has a name that is not text")))?;
    let mut size = u64::from(u32_at(fixed, 24));
    let mut packed = u64::from(u32_at(fixed, 20));
    let mut header = u64::from(u32_at(fixed, 42));
    // Fields of 32 bits that are full are continued, in this order, in the extra field of kind 1.
    let mut extra = slice(bytes, at + 46 + name_len, extra_len)?;
    while extra.len() >= 4 {
        let (kind, len) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(body) = extra.get(4..4 + len) else { break };
        if kind == 1 {
            let full = [&mut size, &mut packed, &mut header].into_iter().filter(|v| **v == 0xffff_ffff);
            full.zip(body.chunks_exact(8)).for_each(|(value, eight)| *value = u64_at(eight, 0));
        }
        extra = &extra[4 + len..];
    }
    let entry = Entry { method: u16_at(fixed, 10), size, header };
    Ok((name, entry, at + 46 + name_len + extra_len + comment_len))
}

/// Bytes from `at`, refused when they do not all exist.
fn slice(bytes: &[u8], at: u64, len: u64) -> Result<&[u8], Problem> {
    let range = usize::try_from(at).ok().zip(usize::try_from(len).ok());
    let found = range.and_then(|(at, len)| bytes.get(at..at.checked_add(len)?));
    found.ok_or_else(|| truncated(format!("{len} bytes at byte {at} are missing")))
}

/// Little-endian numbers; 0 beyond the end, which no signature is.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
