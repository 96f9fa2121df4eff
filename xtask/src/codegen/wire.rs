//! How small a value can be on the wire: what lets a decoder refuse an array that the frame cannot hold.

use super::spec::{Field, Spec, Type};

/// The smallest size in bytes of an element of `array`, over all versions that have it.
pub fn min_element_size(spec: &Spec, array: &Field, element: &Type) -> usize {
    (spec.valid.lowest..=spec.valid.highest)
        .filter(|&version| array.versions.contains(version))
        .map(|version| min_size(spec, element, version, spec.flexible.contains(version)))
        .min()
        .unwrap_or(1)
        // An element without fields takes no bytes; then the array's length is bounded by the frame's all the same.
        .max(1)
}

fn min_size(spec: &Spec, ty: &Type, version: i16, flexible: bool) -> usize {
    match ty {
        Type::Bool | Type::Int8 => 1,
        Type::Int16 | Type::Uint16 => 2,
        Type::Int32 | Type::Uint32 => 4,
        Type::Int64 | Type::Float64 => 8,
        Type::Uuid => 16,
        _ if flexible && !matches!(ty, Type::Struct(_)) => 1,
        Type::String => 2,
        Type::Bytes | Type::Records | Type::Array(_) => 4,
        Type::Struct(name) => {
            let fields: usize = spec
                .find(name)
                .fields
                .iter()
                .filter(|f| f.versions.contains(version) && f.tag.is_none())
                .map(|f| match f.ty {
                    Type::Struct(_) if f.nullable.contains(version) => 1,
                    _ => min_size(spec, &f.ty, version, flexible && !f.never_flexible),
                })
                .sum();
            fields + usize::from(flexible)
        }
    }
}
