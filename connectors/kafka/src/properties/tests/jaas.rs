//! The text of `sasl.jaas.config`, as Java reads it.

use super::super::jaas::parse;

fn option(text: &str, name: &str) -> String {
    parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).options.remove(name).unwrap_or_default()
}

fn password(written: &str) -> String {
    option(&format!("a.b.PlainLoginModule required username=\"u\" password={written};"), "password")
}

fn fails(text: &str) -> String {
    parse(text).err().unwrap_or_else(|| panic!("{text} is taken")).to_string()
}

#[test]
fn modules_and_options() {
    let login = parse(
        "org.apache.kafka.common.security.scram.ScramLoginModule required\n  username = \"alice\"\n  password='x y' ;\n",
    );
    let login = login.unwrap();
    assert_eq!(login.module, "ScramLoginModule");
    assert_eq!((login.options["username"].as_str(), login.options["password"].as_str()), ("alice", "x y"));
    assert_eq!(parse("PlainLoginModule SUFFICIENT;").unwrap().options.len(), 0);
    assert_eq!(option("a.PlainLoginModule required username=alice-b.c_1$ password=x;", "username"), "alice-b.c_1$");
}

#[test]
fn quotes_and_escapes() {
    assert_eq!(password("\"a;b=c\""), "a;b=c");
    assert_eq!(password(r#""a\"b\\c""#), "a\"b\\c");
    assert_eq!(password("'a\"b'"), "a\"b");
    assert_eq!(password("\"it's\""), "it's");
    assert_eq!(password(r#""\a\b\f\n\r\t\v\q""#), "\u{7}\u{8}\u{c}\n\r\t\u{b}q");
    assert_eq!(password(r#""\101\60\0\3777\400""#), "A0\0\u{ff}7 0", "three digits only up to \\377");
    assert_eq!(password("\"/no//comment/*here*/\""), "/no//comment/*here*/");
    assert_eq!(password("\"密码\""), "密码");
    assert_eq!(password("密码"), "密码");
    assert_eq!(password("\"123\""), "123");
}

#[test]
fn comments_are_blanks() {
    let text = "/* who */ a.PlainLoginModule required // why\n username=\"u\" /a single slash too\n password=\"p\";";
    assert_eq!(option(text, "password"), "p");
    let text = "a.PlainLoginModule required /\n username=\"u\" \n password=\"p\";";
    assert_eq!(option(text, "username"), "", "a slash at the end of a line takes the next line with it");
}

#[test]
fn mistakes_never_show_a_value() {
    let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
    let rows = [
        (String::new(), "does not begin with a login module"),
        ("=".to_owned(), "does not begin with a login module"),
        (format!("{module} username=\"hunter\";"), "no control flag"),
        (format!("{module} required username=\"hunter\" password=\"hunter2\""), "semicolon"),
        (
            format!("{module} required username=\"hunter\" password=2hunter;"),
            "begins like a number for its option 'password'",
        ),
        (
            format!("{module} required username=\"hunter\" password=-2hunter;"),
            "begins like a number for its option 'password'",
        ),
        (format!("{module} required username=\"hunter\" password=;"), "no value for its option 'password'"),
        (format!("{module} required username=\"hunter\" password;"), "no value for its option 'password'"),
        (format!("{module} required username=hunter@home password=\"x\";"), "something between its options"),
        (format!("{module} required password=\"hunter2\"; {module} required;"), "more than one login module"),
        (format!("{module} required password=\"hunter2\n\";"), "no value for one of its options"),
        (format!("{module} required password=\"a\"hunter2\";"), "no value for one of its options"),
    ];
    for (text, part) in rows {
        let error = fails(&text);
        assert!(error.contains(part), "{text}: {error}");
        assert!(!error.contains("hunter"), "{error}");
    }
}
