//! Every serde's bytes, and what it refuses.

use std::fmt::Debug;

use bytes::Bytes;
use ottla_protocol::records::NO_HEADERS;
use ottla_protocol::types::Uuid;

use super::*;

fn written<T: ?Sized>(serializer: &dyn Serializer<T>, data: &T) -> Option<Vec<u8>> {
    let (mut bytes, mut headers) = (Vec::new(), Vec::new());
    let mut to = PartWriter::new("t", Part::Value, &mut bytes, &mut headers);
    serializer.serialize(data, &mut to).expect("data that can be written");
    let is_null = to.is_null();
    (!is_null).then_some(bytes)
}

fn read<T>(deserializer: &dyn Deserializer<T>, bytes: Option<&[u8]>) -> Result<T, DeserializeErrorKind> {
    let part = SerializedPart::new("t", Part::Value, bytes, NO_HEADERS);
    deserializer.deserialize(&part).map_err(|error| error.kind())
}

/// `data` has these bytes, and they lead back to it.
fn check<T: Debug + PartialEq, S: Serializer<T> + Deserializer<T>>(serde: S, data: T, bytes: &[u8]) {
    assert_eq!(written(&serde, &data).as_deref(), Some(bytes), "{data:?}");
    assert_eq!(read(&serde, Some(bytes)), Ok(data));
    assert_eq!(read::<T>(&serde, None), Err(DeserializeErrorKind::Null));
}

#[test]
fn bytes_are_those_of_java() {
    // What Java's serializers of these names give, by their documentation: big endian, UTF-8, UUID.toString().
    check(ShortSerde, -2, &[0xff, 0xfe]);
    check(IntegerSerde, 1_000_000, &[0, 0x0f, 0x42, 0x40]);
    check(IntegerSerde, i32::MIN, &[0x80, 0, 0, 0]);
    check(LongSerde, -1, &[0xff; 8]);
    check(LongSerde, 1 << 40, &[0, 0, 1, 0, 0, 0, 0, 0]);
    check(FloatSerde, 1.5, &[0x3f, 0xc0, 0, 0]);
    check(DoubleSerde, -2.0, &[0xc0, 0, 0, 0, 0, 0, 0, 0]);
    check(BooleanSerde, true, &[1]);
    check(BooleanSerde, false, &[0]);
    check(StringSerde, String::from("žluťoučký"), "žluťoučký".as_bytes());
    check(StringSerde, String::new(), b"");
    check(BytesSerde, vec![0, 255], &[0, 255]);
    check(BytesSerde, Bytes::from_static(b"b"), b"b");
    let uuid = Uuid(0x123e_4567_e89b_12d3_a456_4266_1417_4000_u128.to_be_bytes());
    check(UuidSerde, uuid, b"123e4567-e89b-12d3-a456-426614174000");
    assert_eq!(read(&UuidSerde, Some(b"123E4567-E89B-12D3-A456-426614174000")), Ok(uuid));
    assert_eq!(written::<str>(&StringSerde, "a").as_deref(), Some(&b"a"[..]));
    assert_eq!(written::<[u8]>(&BytesSerde, &[7]).as_deref(), Some(&[7][..]));
}

#[test]
fn bytes_that_are_not_of_the_format_are_refused() {
    fn refuses<T: Debug + PartialEq>(deserializer: &dyn Deserializer<T>, cases: &[&[u8]]) {
        for bytes in cases {
            assert_eq!(read(deserializer, Some(bytes)), Err(DeserializeErrorKind::Invalid), "{bytes:?}");
        }
    }
    refuses::<i16>(&ShortSerde, &[b"", b"1", b"123"]);
    refuses::<i32>(&IntegerSerde, &[b"", b"123", b"12345"]);
    refuses::<i64>(&LongSerde, &[b"", b"1234", b"123456789"]);
    refuses::<f32>(&FloatSerde, &[b"", b"123"]);
    refuses::<f64>(&DoubleSerde, &[b"", b"1234"]);
    refuses::<bool>(&BooleanSerde, &[b"", &[2], &[0, 0]]);
    refuses::<String>(&StringSerde, &[&[0xff]]);
    refuses::<()>(&VoidSerde, &[b"", b"x"]);
    let uuids: [&[u8]; 4] = [
        b"",
        b"123e4567e89b12d3a456426614174000",
        b"123e4567-e89b-12d3-a456-42661417400g",
        b"123e4567+e89b-12d3-a456-426614174000",
    ];
    refuses::<Uuid>(&UuidSerde, &uuids);
}

#[test]
fn null_is_nothing_and_not_empty() {
    assert_eq!(written(&VoidSerde, &()), None);
    assert_eq!(read(&VoidSerde, None), Ok(()));
    let text = Nullable(StringSerde);
    assert_eq!(written(&text, &None::<String>), None);
    assert_eq!(written(&text, &Some(String::new())), Some(Vec::new()));
    assert_eq!(read::<Option<String>>(&text, None), Ok(None));
    assert_eq!(read::<Option<String>>(&text, Some(b"a")), Ok(Some(String::from("a"))));
}

#[test]
fn pointers_to_a_serde_are_one() {
    let shared: Arc<dyn Serializer<str>> = Arc::new(StringSerde);
    assert_eq!(written(&shared, "a"), Some(b"a".to_vec()));
    assert_eq!(written::<str>(&&StringSerde, "a"), Some(b"a".to_vec()));
    let boxed: Box<dyn Deserializer<i32>> = Box::new(IntegerSerde);
    assert_eq!(read(&boxed, Some(&[0, 0, 0, 1])), Ok(1));
}

#[test]
fn an_error_does_not_repeat_what_a_peer_wrote_at_length() {
    let long = DeserializeError::invalid("é".repeat(10_000)).to_string();
    assert_eq!(long.chars().count(), 513);
    let short = SerializeError::invalid("what there is").with_source(std::fmt::Error);
    assert_eq!(short.to_string(), "what there is");
    assert!(std::error::Error::source(&short).is_some());
}

#[test]
fn a_serializer_can_add_headers_and_knows_what_it_writes() {
    struct Named;
    impl Serializer<str> for Named {
        fn serialize(&self, data: &str, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
            let name = format!("{}/{}", to.topic(), to.part().name());
            to.header("of", name);
            to.write(data);
            Ok(())
        }
    }
    let (mut bytes, mut headers) = (Vec::new(), Vec::new());
    let mut to = PartWriter::new("t", Part::Key, &mut bytes, &mut headers);
    Named.serialize("k", &mut to).expect("written");
    assert_eq!(headers.len(), 1);
    assert_eq!((headers[0].key(), headers[0].value()), (Ok("of"), Some(&b"t/key"[..])));
}

#[cfg(feature = "json")]
#[test]
fn json_is_text_and_what_is_not_it_is_refused_in_few_words() {
    check(JsonSerde, vec![Some(1), None], b"[1,null]");
    assert_eq!(written(&JsonSerde, &None::<i32>).as_deref(), Some(&b"null"[..]));
    assert_eq!(written::<str>(&JsonSerde, "a\"").as_deref(), Some(&br#""a\"""#[..]));
    for bytes in [&b""[..], b"[1,", b"{}", b"[1] 2", &[0xff]] {
        assert_eq!(read::<Vec<i32>>(&JsonSerde, Some(bytes)), Err(DeserializeErrorKind::Invalid));
    }
    let long = serde_json::to_vec(&"x".repeat(100_000)).expect("JSON");
    let part = SerializedPart::new("t", Part::Value, Some(&long), NO_HEADERS);
    let error = Deserializer::<i32>::deserialize(&JsonSerde, &part).expect_err("not a number");
    assert!(error.to_string().len() < 600, "{error}");
    // A map whose keys are no text has no JSON.
    let map = std::collections::BTreeMap::from([(vec![1], 1)]);
    let (mut bytes, mut headers) = (Vec::new(), Vec::new());
    let mut to = PartWriter::new("t", Part::Value, &mut bytes, &mut headers);
    let error = JsonSerde.serialize(&map, &mut to).expect_err("no JSON");
    assert_eq!(error.kind(), SerializeErrorKind::Invalid);
}
