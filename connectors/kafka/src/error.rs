//! What Kafka's error codes mean to a person and to the runtime: whose fault, and whether trying
//! again helps.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, Producer};
use tidegate_core::{Domain, Error};

use crate::client::Context;

/// An error code as an [`Error`]. `doing` says what was tried: "reading topic 'orders'".
pub fn of_code(code: Code, doing: &str) -> Error {
    let said = match code {
        Code::UnsupportedFeature | Code::UnsupportedVersion => {
            format!("{doing}: the broker is too old for this ({code})")
        }
        code => format!("{doing}: {code}"),
    };
    let error = match domain(code) {
        Domain::User => Error::user(said),
        Domain::Internal => Error::internal(said),
        Domain::External if is_final(code) => Error::external(said).fatal(),
        Domain::External => Error::external(said),
    };
    match help(code) {
        Some(help) => error.help(help),
        None => error,
    }
}

/// An error of the rdkafka crate as an [`Error`].
pub fn of(error: &KafkaError, doing: &str) -> Error {
    match (error.rdkafka_error_code(), error) {
        // The crate does not count this one's among the codes.
        (Some(code), _) | (None, &KafkaError::AdminOp(code)) => of_code(code, doing),
        // The value may be a secret: the crate's own text shows it.
        (None, KafkaError::ClientConfig(_, what, name, _)) => {
            Error::user(format!("{doing}: the client does not take property '{name}': {what}"))
        }
        (None, KafkaError::ClientCreation(what)) => Error::user(format!("{doing}: {what}")),
        (None, other) => Error::external(format!("{doing}: {other}")),
    }
}

/// Whether a producer has failed because the broker knows no idempotent ones (before 0.11).
pub fn wants_plain(producer: &BaseProducer<Context>) -> bool {
    producer.client().fatal_error().is_some_and(|(code, _)| code == Code::UnsupportedFeature)
}

/// Whether the topic or partition is not there (any more).
pub fn is_missing(code: Code) -> bool {
    matches!(code, Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicId)
}

fn domain(code: Code) -> Domain {
    match code {
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::Authentication
        | Code::SSL
        | Code::UnsupportedSASLMechanism
        | Code::InvalidTransactionTimeout
        | Code::InvalidTopic
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::PolicyViolation
        | Code::MessageSizeTooLarge
        | Code::UnknownMemberId
        | Code::UnsupportedFeature
        | Code::UnsupportedVersion
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopic
        | Code::UnknownPartition => Domain::User,
        Code::InvalidArgument | Code::State => Domain::Internal,
        _ => Domain::External,
    }
}

fn is_final(code: Code) -> bool {
    matches!(code, Code::Fatal | Code::Fenced | Code::ProducerFenced)
}

fn help(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::TopicAuthorizationFailed => {
            "the user of this client needs READ and DESCRIBE on topics it reads, WRITE and DESCRIBE on topics it writes, \
             and for exactly once also CREATE, READ and WRITE on topics '_tidegate-fence.*', or with 'tidegate.fence' = \
             'group' READ on the topics it writes and on groups of that name"
        }
        Code::GroupAuthorizationFailed => "the user of this client needs READ on the consumer group",
        Code::UnknownMemberId => "the group has members of its own: give this job a group id that nothing else uses",
        Code::TransactionalIdAuthorizationFailed => {
            "the user of this client needs WRITE and DESCRIBE on its transactional ids (prefix 'tidegate-', or \
             'sink.transactional-id-prefix')"
        }
        Code::ClusterAuthorizationFailed => {
            "the user of this client needs CREATE to make topics, or make them beforehand"
        }
        Code::SaslAuthenticationFailed | Code::Authentication => "look at user name, password and sasl.mechanism",
        Code::UnsupportedSASLMechanism => "look at sasl.mechanism: the listener does not offer it",
        Code::SSL => {
            "look at security.protocol, the truststore (a PEM file with the CA) and the host name in the certificate"
        }
        Code::InvalidTransactionTimeout => {
            "the broker's transaction.max.timeout.ms is smaller: set 'properties.transaction.timeout.ms' to at most that"
        }
        Code::UnsupportedFeature | Code::UnsupportedVersion => {
            "exactly-once writes need Kafka 0.11 or newer, making topics 2.4 or newer; \
             'sink.delivery-guarantee' = 'at-least-once' writes without transactions"
        }
        Code::MessageSizeTooLarge => {
            "raise the topic's max.message.bytes, or set 'properties.max.request.size' if that is smaller"
        }
        _ => return None,
    })
}
