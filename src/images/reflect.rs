//! Decodes any record by reflection over the schema: every field by its name, unknown fields by their number. For
//! programs that want everything, and to check the typed decode against.

use prost_reflect::{DescriptorError, DescriptorPool, DynamicMessage, MessageDescriptor};

/// The schema of all images.
#[derive(Clone, Debug)]
pub struct Schema {
    pool: DescriptorPool,
}

impl Schema {
    /// Loads the schema, which takes about a millisecond.
    ///
    /// # Errors
    ///
    /// Never fails in a working build, because the descriptors are part of the program.
    pub fn load() -> Result<Self, DescriptorError> {
        let descriptors: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
        Ok(Schema { pool: DescriptorPool::decode(descriptors)? })
    }

    /// A message of the schema, by CRIU's name, for example `core_entry`.
    pub fn message(&self, name: &str) -> Option<MessageDescriptor> {
        self.pool.get_message_by_name(&format!("criu.{name}"))
    }

    /// Decodes a record. `None` if there is no such message.
    ///
    /// # Errors
    ///
    /// If the bytes are not valid protobuf.
    pub fn decode(&self, message: &str, bytes: &[u8]) -> Option<Result<DynamicMessage, prost::DecodeError>> {
        Some(DynamicMessage::decode(self.message(message)?, bytes))
    }
}
