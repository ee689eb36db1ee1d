//! References: where a frame lies in the job's log. A decision commits data by holding these.

use serde::{Deserialize, Serialize};

/// A frame in a segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// File name inside the state directory.
    #[serde(rename = "f")]
    pub file: String,
    /// First byte of the frame.
    #[serde(rename = "o")]
    pub offset: u64,
    /// Bytes of the frame, header included.
    #[serde(rename = "l")]
    pub length: u64,
    /// The frame's checksum.
    #[serde(rename = "c")]
    pub checksum: u32,
}

/// Appended sink rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsRef {
    /// Where.
    #[serde(flatten)]
    pub at: Reference,
    /// How many rows.
    #[serde(rename = "r")]
    pub rows: u64,
    /// Bytes of the rows in memory, about.
    #[serde(rename = "b")]
    pub bytes: u64,
}

/// An appended state delta.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRef {
    /// Where.
    #[serde(flatten)]
    pub at: Reference,
    /// How many entries.
    #[serde(rename = "r")]
    pub rows: u64,
}
