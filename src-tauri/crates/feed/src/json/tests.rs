use super::*;

fn printed(text: &str) -> String {
    Value::parse(text.as_bytes()).unwrap().to_compact()
}

#[test]
fn numbers_print_as_ecmascript_prints_them() {
    for (read, print) in [
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1.0", "1"),
        ("1e-7", "1e-7"),
        ("0.000001", "0.000001"),
        ("9007199254740993", "9007199254740992"),
        ("1e400", "null"),
        ("-1e400", "null"),
        ("5e-324", "5e-324"),
        ("1e-400", "0"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("0.1", "0.1"),
        ("123456789012345680000", "123456789012345680000"),
        ("1E+2", "100"),
    ] {
        assert_eq!(printed(read), print, "{read}");
    }
}

#[test]
fn keys_that_look_like_indexes_come_first_and_the_last_of_twins_wins() {
    for (read, print) in [
        (r#"{"b":1,"2":2,"a":3,"1":4}"#, r#"{"1":4,"2":2,"b":1,"a":3}"#),
        (r#"{"4294967295":1,"4294967294":2,"01":3}"#, r#"{"4294967294":2,"4294967295":1,"01":3}"#),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        (r#"{"":1,"__proto__":2}"#, r#"{"":1,"__proto__":2}"#),
        (r#"{"\ud800":1,"\ud800":2}"#, r#"{"\ud800":2}"#),
    ] {
        assert_eq!(printed(read), print, "{read}");
    }
}

#[test]
fn strings_escape_what_javascript_escapes_and_keep_lone_surrogates() {
    for (read, print) in [
        (r#""\u0000\u001F\u007f\/""#, "\"\\u0000\\u001f\u{7f}/\""),
        (r#""\b\t\n\f\r\"\\""#, r#""\b\t\n\f\r\"\\""#),
        (r#""\u2028\u2029\u00e9""#, "\"\u{2028}\u{2029}é\""),
        (r#""\ud83d\ude00""#, "\"😀\""),
        (r#""\uD83Dx\ude00""#, r#""\ud83dx\ude00""#),
        (r#""\ude00\ud83d""#, r#""\ude00\ud83d""#),
        (r#""\ud83d\ud83d\ude00""#, "\"\\ud83d😀\""),
        (r#""é\ud83d☂😀""#, "\"é\\ud83d☂😀\""),
    ] {
        assert_eq!(printed(read), print, "{read}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "0x1",
        "NaN",
        "Infinity",
        "[1,]",
        "[,1]",
        "[1",
        "{",
        "{}}",
        "{a:1}",
        "{'a':1}",
        "{\"a\"}",
        "{\"a\":1,}",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\t\"",
        "1 2",
        "\u{feff}1",
        "\u{a0}1",
        "/**/1",
        "\"\\",
        "\"\\u+123\"",
    ] {
        assert!(Value::parse(text.as_bytes()).is_err(), "{text:?}");
    }
    assert_eq!(Value::parse(b"\"\xff\""), Err(JsonError::NotUtf8 { at: 1 }));
    // A surrogate encoded as if it were a character is not UTF-8.
    assert_eq!(Value::parse(b"\"\xed\xa0\x80\""), Err(JsonError::NotUtf8 { at: 1 }));
}

#[test]
fn values_are_built_and_asked() {
    let value = Value::object([
        ("type", "post".into()),
        ("mentions", vec!["@a", "@b"].into()),
        ("following", true.into()),
        ("size", 7_u32.into()),
    ]);
    assert_eq!(value.get("type").and_then(Value::as_str).as_deref(), Some("post"));
    assert_eq!(value.get("mentions").and_then(Value::as_array).map(<[Value]>::len), Some(2));
    assert_eq!(value.get("following").and_then(Value::as_bool), Some(true));
    assert_eq!(value.get("size").and_then(Value::as_f64), Some(7.0));
    assert_eq!(value.get("absent"), None);
    assert!(Value::Null.is_null() && Value::Null.get("type").is_none());
    let keys: Vec<String> = value.entries().map(|(key, _)| key.to_string()).collect();
    assert_eq!(keys, ["type", "mentions", "following", "size"]);
}
