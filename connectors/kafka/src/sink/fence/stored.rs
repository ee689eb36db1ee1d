//! How a fence is written down. Persisted at the target: a change has to read what is there.

use serde::{Deserialize, Serialize};
use tidegate_core::sink::Fence;
use tidegate_core::{Error, Result};

/// A fence as text. Version 1.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    version: u32,
    #[serde(flatten)]
    fence: Fence,
}

pub(super) fn encode(fence: &Fence) -> Result<String> {
    serde_json::to_string(&Stored { version: 1, fence: fence.clone() }).map_err(|e| Error::internal(e.to_string()))
}

/// `place` is where it stands: "topic 'x'".
pub(super) fn decode(bytes: &[u8], place: &str) -> Result<Fence> {
    match serde_json::from_slice::<Stored>(bytes) {
        Ok(Stored { version: 1, fence }) => Ok(fence),
        Ok(Stored { version, .. }) => Err(format!("a fence of version {version}")),
        Err(e) => Err(format!("no fence: {e}")),
    }
    .map_err(|what| {
        Error::user(format!("{place} holds {what}"))
            .help("nobody but Tidegate may write there; a newer Tidegate may have")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::sink::Id;

    #[test]
    fn fences_are_pinned() {
        let fence = Fence { run: Id("r".into()), incarnation: Id("i".into()), position: 7, epoch: 3, digest: u64::MAX };
        let stored = encode(&fence).unwrap();
        let text = r#"{"version":1,"run":"r","incarnation":"i","position":7,"epoch":3,"digest":18446744073709551615}"#;
        assert_eq!(stored, text);
        assert_eq!(decode(stored.as_bytes(), "t").unwrap(), fence);
        assert!(decode(b"{\"version\":2}", "t").is_err());
        assert!(decode(b"", "t").is_err(), "offsets that were reset by hand carry no metadata");
    }

    /// The broker's `offset.metadata.max.bytes` is 4096.
    #[test]
    fn a_fence_fits_into_the_metadata_of_an_offset() {
        let id = || Id("f".repeat(32));
        let fence = Fence { run: id(), incarnation: id(), position: u64::MAX, epoch: u64::MAX, digest: u64::MAX };
        assert!(encode(&fence).unwrap().len() < 256);
    }
}
