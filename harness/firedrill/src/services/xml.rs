//! XML answers of S3 and IAM as JSON.

use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event};
use serde_json::{Map, Value};

/// Elements that are lists even when there is one of them.
const LISTS: [&str; 14] = [
    "member",
    "Rule",
    "CORSRule",
    "Tag",
    "CloudFunctionConfiguration",
    "QueueConfiguration",
    "TopicConfiguration",
    "AllowedOrigin",
    "AllowedMethod",
    "AllowedHeader",
    "ExposeHeader",
    "Event",
    "FilterRule",
    "Grant",
];

/// An element while it is read.
#[derive(Default)]
struct Element {
    name: String,
    children: Map<String, Value>,
    text: String,
}

impl Element {
    fn value(self) -> Value {
        if self.children.is_empty() { Value::String(self.text) } else { Value::Object(self.children) }
    }

    /// Takes a child; a name that comes again, or is one of [`LISTS`], gathers in a list.
    fn take(&mut self, child: Element) {
        let (name, value) = (child.name.clone(), child.value());
        match self.children.get_mut(&name) {
            Some(Value::Array(list)) => list.push(value),
            Some(single) => *single = Value::Array(vec![single.take(), value]),
            None => {
                let value = if LISTS.contains(&name.as_str()) { Value::Array(vec![value]) } else { value };
                self.children.insert(name, value);
            }
        }
    }
}

/// The content of the root element: elements with children become objects, others text. Attributes are left out: S3 and
/// IAM use them for namespaces and for the type of a grantee, which its other fields tell too. `called` may give elements
/// other names: those that get one name gather in one list, in the order of the document.
pub(crate) fn to_json(body: &[u8], called: fn(&str) -> &str) -> Result<Value, String> {
    let named = |name: &[u8]| called(&String::from_utf8_lossy(name)).to_owned();
    let mut reader = Reader::from_reader(body);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                open.push(Element { name: named(start.local_name().as_ref()), ..Element::default() });
            }
            Event::Empty(start) => {
                if let Some(parent) = open.last_mut() {
                    parent.take(Element { name: named(start.local_name().as_ref()), ..Element::default() });
                }
            }
            Event::End(_) => {
                let closed = open.pop().unwrap_or_default();
                open.last_mut().ok_or("an end without a start")?.take(closed);
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|error| error.to_string())?;
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&String::from_utf8_lossy(&text));
                }
            }
            Event::GeneralRef(reference) => {
                let resolved =
                    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
                        character.to_string()
                    } else {
                        let name = String::from_utf8_lossy(&reference).into_owned();
                        resolve_predefined_entity(&name).ok_or(format!("unknown entity `{name}`"))?.to_owned()
                    };
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&resolved);
                }
            }
            Event::Eof => break,
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    let root = open.pop().filter(|_| open.is_empty()).ok_or("an element that does not end")?;
    Ok(root.children.into_values().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::to_json;

    #[test]
    fn elements_become_objects_lists_and_text() {
        for (xml, json) in [
            ("<R xmlns=\"x\"><A>1</A><B/></R>", r#"{"A":"1","B":""}"#),
            ("<R><CORSRule><ID>a</ID></CORSRule></R>", r#"{"CORSRule":[{"ID":"a"}]}"#),
            ("<R><X>1</X><X>2</X><X>3</X></R>", r#"{"X":["1","2","3"]}"#),
            ("<?xml version=\"1.0\"?>\n<R>\n  <A> a &amp; &#x62;\n</A>\n</R>", r#"{"A":" a & b\n"}"#),
            ("<R/>", r#""""#),
        ] {
            assert_eq!(to_json(xml.as_bytes(), |name| name).unwrap().to_string(), json, "of {xml}");
        }
    }

    #[test]
    fn elements_of_two_names_keep_the_order_of_the_document_under_one() {
        let xml = b"<R><A>1</A><B>2</B><A>3</A></R>";
        let json = to_json(xml, |name| if name == "B" { "A" } else { name }).unwrap();
        assert_eq!(json.to_string(), r#"{"A":["1","2","3"]}"#);
    }

    #[test]
    fn broken_xml_is_an_error() {
        for xml in ["<R><A></R>", "<R>", "<R>&nothing;</R>"] {
            assert!(to_json(xml.as_bytes(), |name| name).is_err(), "{xml}");
        }
    }
}
