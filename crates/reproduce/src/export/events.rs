//! Event files of TensorBoard: records framed as in TFRecord files, each an `Event` of protocol buffers.
//!
//! A record is its length (u64, little-endian), the masked CRC32C of these eight bytes, the bytes, and their masked CRC32C. Of
//! the messages `Event` and `Summary` only a handful of fields are needed, so that their code is shorter than a schema.

/// One scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scalar<'a> {
    pub(super) tag: &'a str,
    pub(super) step: u64,
    pub(super) value: f32,
}

/// A whole event file. Its events tell no time, so that the same scalars give the same bytes.
pub(super) fn file(scalars: &[Scalar<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut version = Vec::new();
    delimited(&mut version, EVENT_FILE_VERSION, b"brain.Event:2");
    record(&mut bytes, &version);
    scalars.iter().for_each(|scalar| record(&mut bytes, &event(scalar)));
    bytes
}

// Numbers of fields in TensorFlow's event.proto and summary.proto.
const EVENT_STEP: u64 = 2;
const EVENT_FILE_VERSION: u64 = 3;
const EVENT_SUMMARY: u64 = 5;
const SUMMARY_VALUE: u64 = 1;
const VALUE_TAG: u64 = 1;
const VALUE_SIMPLE: u64 = 2;

// How the bytes of a field are delimited.
const VARINT: u64 = 0;
const LENGTH: u64 = 2;
const FOUR_BYTES: u64 = 5;

fn event(scalar: &Scalar<'_>) -> Vec<u8> {
    let mut value = Vec::new();
    delimited(&mut value, VALUE_TAG, scalar.tag.as_bytes());
    varint(&mut value, VALUE_SIMPLE << 3 | FOUR_BYTES);
    value.extend(scalar.value.to_le_bytes());
    let mut summary = Vec::new();
    delimited(&mut summary, SUMMARY_VALUE, &value);
    let mut event = Vec::new();
    varint(&mut event, EVENT_STEP << 3 | VARINT);
    varint(&mut event, scalar.step);
    delimited(&mut event, EVENT_SUMMARY, &summary);
    event
}

fn delimited(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(out, field << 3 | LENGTH);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn record(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = (bytes.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(crc32c(&length)).to_le_bytes());
    out.extend(bytes);
    out.extend(masked(crc32c(bytes)).to_le_bytes());
}

/// A checksum of bytes that hold checksums is weak, so it is turned and shifted.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Castagnoli's CRC, reflected, bit by bit: an event file has a few kilobytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        // Appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
    }

    #[test]
    fn the_first_record_is_the_one_that_every_event_file_of_tensorflow_begins_with() {
        // Without the nine bytes of the time.
        let file = file(&[]);
        assert_eq!(&file[..8], [15, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&file[12..27], b"\x1a\x0dbrain.Event:2");
        assert_eq!(file.len(), 31);
    }

    #[test]
    fn numbers_of_several_bytes_are_cut_into_sevens() {
        let mut out = Vec::new();
        varint(&mut out, 300);
        assert_eq!(out, [0xac, 0x02]);
    }
}
