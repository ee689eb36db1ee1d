//! What the errors of a broker mean.

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::direct::{Broken, Ended, calls, wrong};

fn of(error: i16, parted: Option<i64>) -> Result<Option<Code>, String> {
    let told = calls::Told { error, end: 0, aborted: vec![], batches: 0..0, parted };
    match wrong(&told) {
        Ok(None) => Ok(None),
        Ok(Some(Ended::Failed(code, _))) => Ok(Some(code)),
        Ok(Some(Ended::Unable(why))) => Err(why.to_owned()),
        Err(Broken(why)) => Err(why),
    }
}

#[test]
fn errors_end_the_reading_or_the_connection() {
    assert_eq!(of(0, None), Ok(None));
    assert_eq!(of(1, None), Ok(Some(Code::OffsetOutOfRange)));
    assert_eq!(of(29, None), Ok(Some(Code::TopicAuthorizationFailed)));
    assert_eq!(of(0, Some(7)), Ok(Some(Code::LogTruncation)));
    for passing in [3, 5, 6, 7, 9, 56, 74, 75, 78, 100, 103] {
        assert!(of(passing, None).is_err(), "{passing}");
    }
}
