//! Numbers as ECMAScript prints them (ECMA-262, Number::toString).

/// Appends what `JSON.stringify` prints for `number`: `null` when it is not finite.
pub(crate) fn write_number(out: &mut String, number: f64) {
    if number.is_finite() {
        out.push_str(ryu_js::Buffer::new().format_finite(number));
    } else {
        out.push_str("null");
    }
}
