//! Facts about the specification of the container.

use serde_json::Value;

use crate::Checkpoint;
use crate::model::declared::Spec;

/// The OCI runtime specification, as it is in the archive.
#[derive(Debug, Default)]
pub struct SpecFacts {
    /// The document, if there is one.
    pub document: Option<Value>,
    /// The member that has it.
    pub member: Option<bstr::BString>,
    /// What the model takes from it.
    pub spec: Option<Spec>,
    /// Whether the engine says that the container is privileged.
    pub privileged: Option<bool>,
}

impl SpecFacts {
    pub(super) fn read(checkpoint: &Checkpoint) -> Self {
        let declared = checkpoint.details().declared();
        let files = checkpoint.engine_files();
        let found = ["spec.dump", "config.json"].into_iter().find_map(|name| {
            let document = files.document(name)?;
            document.value.get("process").is_some().then(|| (document.value.clone(), document.path.into()))
        });
        let (document, member) = found.unzip();
        SpecFacts { document, member, spec: declared.spec.clone(), privileged: declared.privileged }
    }

    /// A value of the document.
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        self.document.as_ref()?.pointer(pointer)
    }
}
