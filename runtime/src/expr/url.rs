//! Values inside structured text: KEYVALUE and PARSE_URL.

use arrow_array::ArrayRef;
use tidegate_core::Result;

use super::kernel::Call;
use super::value::slices;

/// KEYVALUE(text, pair separator, key separator, key): the value of a key, NULL where it is absent.
pub(super) fn key_value(call: &mut Call<'_>) -> Result<ArrayRef> {
    let (input, pairs, keys, wanted) = (call.texts(0)?, call.texts(1)?, call.texts(2)?, call.texts(3)?);
    Ok(slices(call.rows, |i| {
        let (text, pair, key, wanted) = (input.get(i)?, pairs.get(i)?, keys.get(i)?, wanted.get(i)?);
        if pair.is_empty() || key.is_empty() {
            return None;
        }
        text.split(pair).filter_map(|p| p.split_once(key)).find(|(k, _)| *k == wanted).map(|(_, v)| v)
    }))
}

/// PARSE_URL(url, part[, key]) with HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY, USERINFO.
pub(super) fn parse_url(call: &mut Call<'_>) -> Result<ArrayRef> {
    let (urls, parts) = (call.texts(0)?, call.texts(1)?);
    let keys = if call.args.len() > 2 { Some(call.texts(2)?) } else { None };
    Ok(slices(call.rows, |i| {
        let (url, part) = (urls.get(i)?, parts.get(i)?);
        let value = url_part(url, part)?;
        match &keys {
            None => Some(value),
            Some(_) if part != "QUERY" => None,
            Some(keys) => {
                let key = keys.get(i)?;
                value.split('&').filter_map(|p| p.split_once('=')).find(|(k, _)| *k == key).map(|(_, v)| v)
            }
        }
    }))
}

fn url_part<'a>(url: &'a str, part: &str) -> Option<&'a str> {
    let (protocol, rest) = url.split_once("://")?;
    let (rest, reference) = match rest.split_once('#') {
        Some((r, f)) => (r, Some(f)),
        None => (rest, None),
    };
    let split = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, file) = rest.split_at(split);
    let (path, query) = match file.split_once('?') {
        Some((p, q)) => (p, Some(q)),
        None => (file, None),
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((u, h)) => (Some(u), h),
        None => (None, authority),
    };
    match part {
        "PROTOCOL" => Some(protocol),
        "HOST" => Some(host.rsplit_once(':').map_or(host, |(h, _)| h)),
        "AUTHORITY" => Some(authority),
        "USERINFO" => user,
        "PATH" => Some(path),
        "QUERY" => query,
        "FILE" => Some(file),
        "REF" => reference,
        _ => None,
    }
}
