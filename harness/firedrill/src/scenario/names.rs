//! Resources by the names that people use for them.

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    stack::Stack,
};

use super::nearest::suggest;

/// The resources of a stack that may be named at one place of a file.
#[derive(Clone, Debug)]
pub struct Catalogue {
    ids: Vec<ResourceId>,
    kinds: Vec<ResourceKind>,
}

/// A name that does not lead to one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unnamed {
    /// What is wrong.
    pub message: String,
    /// What can stand there.
    pub expected: String,
    /// What to write instead.
    pub help: String,
}

impl Catalogue {
    /// Everything in the stack except the delivery log, which is firedrill's own instrument.
    pub fn of(stack: &Stack) -> Self {
        let log = stack.delivery_log().map(|name| ResourceId::new(ResourceKind::Table, name));
        let ids = stack.resources().into_iter().filter(|id| Some(id) != log.as_ref()).collect();
        Self { ids, kinds: ResourceKind::ALL.to_vec() }
    }

    /// The same, of these kinds alone.
    #[must_use]
    pub fn only(&self, kinds: &[ResourceKind]) -> Self {
        let of_kind = |id: &&ResourceId| id.kind().is_some_and(|kind| kinds.contains(&kind));
        Self { ids: self.ids.iter().filter(of_kind).cloned().collect(), kinds: kinds.to_vec() }
    }

    /// Every resource in it, in the order in which resources are created.
    pub fn all(&self) -> &[ResourceId] {
        &self.ids
    }

    /// The resource that `name` means: `orders` when that is unambiguous, or `table/orders`.
    pub fn find(&self, name: &str) -> Result<ResourceId, Unnamed> {
        if let Some(id) = self.ids.iter().find(|id| id.as_str() == name) {
            return Ok(id.clone());
        }
        let called: Vec<&ResourceId> = self.ids.iter().filter(|id| id.name() == name).collect();
        match called.as_slice() {
            [only] => Ok((*only).clone()),
            [] => {
                let candidates = if name.contains('/') {
                    self.ids.iter().map(ResourceId::as_str).collect::<Vec<_>>()
                } else {
                    self.ids.iter().map(ResourceId::name).collect()
                };
                Err(self.unnamed(format!("the stack has no `{name}` that can stand here"), suggest(name, candidates)))
            }
            several => {
                let ids: Vec<String> = several.iter().map(|id| format!("`{id}`")).collect();
                Err(self.unnamed(format!("`{name}` has more than one meaning"), ids.join(" or ")))
            }
        }
    }

    fn unnamed(&self, message: String, help: String) -> Unnamed {
        let words: Vec<&str> = self.kinds.iter().map(|kind| kind.word()).collect();
        let expected = if self.kinds == ResourceKind::ALL { "resource".to_owned() } else { words.join(" or ") };
        Unnamed { message, expected: format!("expected a {expected}"), help }
    }
}
