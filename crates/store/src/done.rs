//! DONE: the last file of a node, which lists the others. Without it the node does not exist for readers.

use crate::atomic::{parent, read_if_there};
use crate::{Fs, StoreError, names, sealed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const FORMAT: u64 = 1;

/// Whether a node needs work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeStatus {
    /// DONE is there, and the files it lists have the sizes it lists.
    Done,
    /// The node has to be computed.
    ToDo {
        /// Why, in words for the user.
        why: String,
    },
    /// DONE is there and does not hold: the node was finished, and something about it is no longer as it was.
    Damaged {
        /// What is wrong, in words for the user.
        why: String,
    },
}

/// The content of DONE.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Done {
    format: u64,
    pub(crate) files: BTreeMap<String, Content>,
}

/// What a file has to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

impl Content {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { size: bytes.len() as u64, sha256: sealed::sha256(bytes) }
    }

    /// Refuses bytes that were read from the file at `path` and are other ones.
    pub(crate) fn check(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let found = Self::of(bytes);
        if found == *self {
            return Ok(());
        }
        let (path, node, expected) = (path.to_owned(), parent(path).to_owned(), self.sha256.clone());
        Err(StoreError::Corrupt { path, node, expected, found: found.sha256 })
    }
}

/// The beginning of every DONE, of whatever format.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

/// Why the bytes of a DONE say nothing.
#[derive(Debug)]
enum Unread {
    Malformed(String),
    Foreign(u64),
}

fn unread(error: serde_json::Error) -> Unread {
    Unread::Malformed(format!("DONE cannot be read: {error}"))
}

/// What stands under the name DONE.
#[derive(Debug)]
pub(crate) enum Marker {
    Absent,
    Malformed(String),
    /// Written by a build with another format; what it lists is not known here.
    Foreign {
        format: u64,
    },
    Listing {
        done: Done,
        sha256: String,
    },
}

impl Done {
    pub(crate) fn new(files: BTreeMap<String, Content>) -> Self {
        Self { format: FORMAT, files }
    }

    /// Deterministic, for people to read.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("text keys and integers have a JSON form");
        bytes.push(b'\n');
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Self, Unread> {
        // The format comes first: another one may list files in another way.
        let Format { format } = serde_json::from_slice(bytes).map_err(unread)?;
        if format != FORMAT {
            return Err(Unread::Foreign(format));
        }
        let done: Done = serde_json::from_slice(bytes).map_err(unread)?;
        let listed = match done.files.keys().find(|name| names::check_node_file(name).is_err()) {
            Some(name) => Err(format!("DONE lists {name:?}, which is not a file of a node")),
            None if done.files.is_empty() => Err("DONE lists no files".to_owned()),
            None => Ok(done),
        };
        listed.map_err(Unread::Malformed)
    }

    /// What keeps the listed files from being those that were written, as far as sizes tell.
    fn problem(&self, fs: &dyn Fs, node: &Path) -> Result<Option<String>, StoreError> {
        for (name, content) in &self.files {
            let path = node.join(name);
            match fs.size(&path) {
                Ok(size) if size == content.size => {}
                Ok(size) => {
                    return Ok(Some(format!("{name} has {size} bytes, DONE says {}", content.size)));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(Some(format!("{name} is missing")));
                }
                Err(error) => return Err(StoreError::io("measure", &path)(error)),
            }
        }
        Ok(None)
    }
}

/// Reads DONE, whatever it is.
pub(crate) fn load(fs: &dyn Fs, node: &Path) -> Result<Marker, StoreError> {
    Ok(match read_if_there(fs, &node.join(names::DONE))? {
        None => Marker::Absent,
        Some(bytes) => match Done::parse(&bytes) {
            Ok(done) => Marker::Listing { done, sha256: sealed::sha256(&bytes) },
            Err(Unread::Malformed(why)) => Marker::Malformed(why),
            Err(Unread::Foreign(format)) => Marker::Foreign { format },
        },
    })
}

/// Whether the node is done, and if not, why.
pub(crate) fn status(fs: &dyn Fs, node: &Path, marker: &Marker) -> Result<NodeStatus, StoreError> {
    let problem = match marker {
        Marker::Absent => return Ok(NodeStatus::ToDo { why: "not finished yet".to_owned() }),
        Marker::Malformed(why) => Some(why.clone()),
        Marker::Foreign { format } => Some(foreign(*format)),
        Marker::Listing { done, .. } => done.problem(fs, node)?,
    };
    Ok(problem.map_or(NodeStatus::Done, |why| NodeStatus::Damaged { why }))
}

/// Checks bytes that were read from a file against the DONE beside it, if that lists the file: for who reads a file of a
/// node by its path alone. Where no DONE tells of the file there is nothing to check it against, and that is not an error.
///
/// # Errors
/// [`StoreError::Corrupt`]; [`StoreError::Damaged`] and [`StoreError::UnknownFormat`] when the DONE of a node directory says
/// nothing; [`StoreError::Io`] when it cannot be read.
pub fn check_seal(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let node = parent(path);
    // Elsewhere a file of this name may be anything.
    let is_node = node.parent().and_then(Path::file_name).is_some_and(|above| above == names::NODES);
    let listed = match load(fs, node)? {
        Marker::Listing { done, .. } => {
            let name = path.file_name().and_then(std::ffi::OsStr::to_str);
            name.and_then(|name| done.files.get(name).cloned())
        }
        Marker::Malformed(why) if is_node => return Err(StoreError::Damaged { node: node.to_owned(), why }),
        Marker::Foreign { format } if is_node => return Err(refuse_format(node, format)),
        _ => None,
    };
    match listed {
        Some(content) => content.check(path, bytes),
        None => Ok(()),
    }
}

/// What a DONE of another format is called.
pub(crate) fn foreign(format: u64) -> String {
    format!("DONE has format {format}, expected {FORMAT}: another build wrote it")
}

/// The error of reading from a node with a DONE of another format.
pub(crate) fn refuse_format(node: &Path, found: u64) -> StoreError {
    StoreError::UnknownFormat { node: node.to_owned(), found, expected: FORMAT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_that_points_out_of_its_node_is_malformed() {
        let files = [("../../other".to_owned(), Content::of(b""))].into();
        let refused = Done::parse(&Done::new(files).to_bytes());
        assert!(matches!(refused, Err(Unread::Malformed(why)) if why.contains("not a file of a node")));
    }

    #[test]
    fn a_marker_cut_anywhere_is_malformed() {
        let bytes = Done::new([("a".to_owned(), Content::of(b"x"))].into()).to_bytes();
        // The last two bytes are the closing brace and the end of the line.
        for end in 0..bytes.len() - 1 {
            assert!(Done::parse(&bytes[..end]).is_err(), "cut to {end} bytes");
        }
    }

    #[test]
    fn a_marker_of_another_format_is_told_apart() {
        for done in [&br#"{"format":2,"files":{}}"#[..], br#"{"format":2,"tree":["a"]}"#] {
            assert!(matches!(Done::parse(done), Err(Unread::Foreign(2))));
        }
        assert!(matches!(Done::parse(br#"{"files":{}}"#), Err(Unread::Malformed(_))));
    }
}
