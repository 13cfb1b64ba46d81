//! DONE: the last file of a node, which lists the others. Without it the node does not exist for readers.

use crate::atomic::read_if_there;
use crate::{Fs, StoreError, names, sealed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const FORMAT: u32 = 1;

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
}

/// The content of DONE.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Done {
    format: u32,
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
}

/// What stands under the name DONE.
#[derive(Debug)]
pub(crate) enum Marker {
    Absent,
    Malformed(String),
    Listing { done: Done, sha256: String },
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

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let done: Done = serde_json::from_slice(bytes).map_err(|e| format!("DONE cannot be read: {e}"))?;
        if done.format != FORMAT {
            return Err(format!("DONE has format {}, expected {FORMAT}", done.format));
        }
        match done.files.keys().find(|name| names::check_node_file(name).is_err()) {
            Some(name) => Err(format!("DONE lists {name:?}, which is no file of a node")),
            None => Ok(done),
        }
    }

    /// What keeps the listed files from being those that were written, as far as sizes tell.
    fn problem(&self, fs: &dyn Fs, node: &Path) -> Result<Option<String>, StoreError> {
        if self.files.is_empty() {
            return Ok(Some("DONE lists no files".into()));
        }
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
            Err(why) => Marker::Malformed(why),
        },
    })
}

/// Whether the node is done, and if not, why.
pub(crate) fn status(fs: &dyn Fs, node: &Path, marker: &Marker) -> Result<NodeStatus, StoreError> {
    let problem = match marker {
        Marker::Absent => Some("not finished yet".to_owned()),
        Marker::Malformed(why) => Some(why.clone()),
        Marker::Listing { done, .. } => done.problem(fs, node)?,
    };
    Ok(problem.map_or(NodeStatus::Done, |why| NodeStatus::ToDo { why }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_that_points_out_of_its_node_is_malformed() {
        let files = [("../../other".to_owned(), Content::of(b""))].into();
        assert!(Done::parse(&Done::new(files).to_bytes()).unwrap_err().contains("no file of a node"));
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
        let error = Done::parse(br#"{"format":2,"files":{}}"#).unwrap_err();
        assert_eq!(error, "DONE has format 2, expected 1");
    }
}
