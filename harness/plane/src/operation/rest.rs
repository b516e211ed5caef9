//! Tables of routes, as REST-JSON services have them.

use http::Method;

use super::{
    Asked, Head, InBody,
    classify::{FUNCTION_URL, decoded, host_before, parameters},
    names::Places,
};

/// An operation of a REST service.
pub(super) struct Route {
    method: &'static str,
    /// What follows the version; `{}` names a resource, `*` is anything.
    path: &'static str,
    operation: &'static str,
    /// A parameter of the query that sets this operation apart.
    only_with: Option<(&'static str, &'static str)>,
    /// Parameters of the query that name resources.
    in_query: &'static [&'static str],
    /// Members of the body that name resources.
    in_body: &'static [&'static str],
}

pub(super) const fn route(method: &'static str, path: &'static str, operation: &'static str) -> Route {
    Route { method, path, operation, only_with: None, in_query: &[], in_body: &[] }
}

impl Route {
    pub(super) const fn only_with(mut self, name: &'static str, value: &'static str) -> Self {
        self.only_with = Some((name, value));
        self
    }

    pub(super) const fn in_query(mut self, names: &'static [&'static str]) -> Self {
        self.in_query = names;
        self
    }

    pub(super) const fn in_body(mut self, names: &'static [&'static str]) -> Self {
        self.in_body = names;
        self
    }

    fn fits(&self, method: &Method, segments: &[String], query: &[(String, String)]) -> bool {
        let word = |(pattern, segment): (&str, &String)| match pattern {
            "{}" | "*" => !segment.is_empty(),
            word => word == segment,
        };
        self.method == method.as_str()
            && self.path.split('/').count() == segments.len()
            && self.path.split('/').zip(segments).all(word)
            && self.only_with.is_none_or(|(name, value)| query.iter().any(|(key, given)| key == name && given == value))
    }
}

/// What a request asks for that fits a route, the first one in the table that it fits.
///
/// Paths begin with the version in which an operation was introduced, as `/2015-03-31/…`. Any date is taken: without it
/// the paths of a service tell its operations apart as well, and emulators do not look at it.
pub(super) fn asked(head: &Head<'_>, routes: &'static [Route]) -> (Asked, InBody) {
    let nothing = (Asked::default(), InBody::Nothing);
    // Function URLs are signed for Lambda; what is behind them is the function's own.
    if host_before(head.host, FUNCTION_URL).is_some() {
        return nothing;
    }
    let mut segments: Vec<String> = head.uri.path().split('/').skip(1).map(decoded).collect();
    if segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    let Some((version, segments)) = segments.split_first() else { return nothing };
    let query: Vec<(String, String)> = parameters(head.uri).collect();
    let fits = |route: &&Route| is_date(version) && route.fits(head.method, segments, &query);
    let Some(route) = routes.iter().find(fits) else { return nothing };
    let mut asked = Asked { operation: Some(route.operation.to_owned()), ..Asked::default() };
    for (_, name) in route.path.split('/').zip(segments).filter(|(pattern, _)| *pattern == "{}") {
        asked.name(head.service, name);
    }
    for (_, name) in query.iter().filter(|(key, _)| route.in_query.contains(&key.as_str())) {
        asked.name(head.service, name);
    }
    let in_body = match route.in_body {
        [] => InBody::Nothing,
        members => InBody::Json(Places::members(members)),
    };
    (asked, in_body)
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}
