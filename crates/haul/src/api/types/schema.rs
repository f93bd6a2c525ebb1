//! What a type looks like on the wire when it writes itself by hand. Types that derive how they are
//! written derive this, too.

/// Says what a hand-made `Serialize` writes, as JSON Schema. It stands wherever the type is used.
macro_rules! described {
    ($type:ty, |$generator:ident| $schema:expr) => {
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema($generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::Schema::try_from($schema).expect("a schema is an object")
            }
        }
    };
}

pub(super) use described;
