//! Reads operation and names of resources in a form, in the query of a request or in its body.
//!
//! Source: Smithy 2.0, "AWS query protocol": lists are `Names.member.1` or `Names.1`.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode;

use super::{
    Asked, Head, InBody,
    names::{self, Places},
    operation,
};

pub(super) fn head(head: &Head<'_>) -> (Asked, InBody) {
    let places = names::places(head.service, None);
    let mut asked = Asked::default();
    read(head.uri.query().unwrap_or_default().as_bytes(), head.service, places, &mut asked);
    if head.service == "sqs" {
        // The queue's URL is where the request is sent: `/<account>/<queue>`.
        if let ["", account, queue] = head.uri.path().split('/').collect::<Vec<_>>()[..]
            && !account.is_empty()
        {
            asked.name("sqs", &super::classify::decoded(queue));
        }
    }
    let told = asked.operation.is_some() && places.members.is_empty();
    (asked, if head.method != Method::POST || told { InBody::Nothing } else { InBody::Form(places) })
}

pub(super) fn read(form: &[u8], service: &str, places: Places, asked: &mut Asked) {
    for pair in form.split(|byte| *byte == b'&') {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (field, value) = (decoded(&pair[..at]), pair.get(at + 1..).unwrap_or_default());
        if field == "Action" {
            if asked.operation.is_none() {
                asked.operation = operation(Some(&decoded(value)));
            }
        } else if places.members.contains(&member(&field)) {
            asked.name(service, &decoded(value));
        }
    }
}

/// The member that a field belongs to: `Names` of `Names.member.1`.
fn member(field: &str) -> &str {
    let Some((list, number)) = field.rsplit_once('.') else { return field };
    if number.bytes().all(|byte| byte.is_ascii_digit()) { list.strip_suffix(".member").unwrap_or(list) } else { field }
}

fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    if !bytes.contains(&b'+') {
        return percent_decode(bytes).decode_utf8_lossy();
    }
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::Owned(percent_decode(&spaced).decode_utf8_lossy().into_owned())
}
