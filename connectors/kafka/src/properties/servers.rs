//! `bootstrap.servers`.

use tidegate_core::Result;

use super::wrong;

/// Checks that it is a list of `host:port`, the port as librdkafka's 9092 where it is left out.
pub(super) fn check(list: &str) -> Result<()> {
    let mut entries = list.split(',').map(str::trim).filter(|e| !e.is_empty()).peekable();
    if entries.peek().is_none() {
        return Err(wrong("bootstrap.servers", "names no broker").help("write 'host:9092,host:9092'"));
    }
    match entries.find(|e| !is_broker(e)) {
        Some(bad) => {
            Err(wrong("bootstrap.servers", format_args!("'{bad}' is not host:port"))
                .help("write 'host:9092,host:9092'"))
        }
        None => Ok(()),
    }
}

fn is_broker(entry: &str) -> bool {
    // librdkafka and Java both take a protocol in front.
    let address = entry.split_once("://").map_or(entry, |(_, address)| address);
    let (host, port) = match address.strip_prefix('[').and_then(|a| a.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None => return false,
        },
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    !host.is_empty()
        && !host.contains(|c: char| c.is_whitespace() || c == '/')
        && port.is_none_or(|p| p.parse::<u16>().is_ok_and(|p| p > 0))
}
