//! What breaks off: the other side sees it, and never takes a part for the whole.

use super::wire::{Bench, EAST, End, bytes, signed};

/// How an answer can break off, as the region writes it.
const PARTS: [&str; 4] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n",
];

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_reset_and_never_whole() {
    for (n, part) in PARTS.into_iter().enumerate() {
        for orderly in [false, true] {
            let bench = Bench::new().await;
            let (mut client, mut region, _) = bench.exchange(&signed("GET", "/b/k", "")).await;
            region.send(part).await;
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            if orderly {
                drop(region);
            } else {
                region.reset();
            }
            let (body, end) = client.rest().await;
            assert_eq!(end, End::Reset, "part {n}, orderly: {orderly}");
            let text = String::from_utf8_lossy(&body);
            assert!(!text.ends_with("0\r\n\r\n"), "part {n} ends like a whole body: {text:?}");
            bench.next_is_ours().await;
        }
    }
}

#[tokio::test]
async fn a_region_that_breaks_off_before_it_answers_leaves_a_reset() {
    for said in ["", "HTTP/1.1 200 OK\r\nContent-Le"] {
        for orderly in [false, true] {
            let bench = Bench::new().await;
            let (mut client, mut region, _) = bench.exchange(&signed("PUT", "/b/k", "Content-Length: 0\r\n")).await;
            region.send(said).await;
            if orderly {
                drop(region);
            } else {
                region.reset();
            }
            assert_eq!(client.rest().await, (Vec::new(), End::Reset), "after {said:?}, orderly: {orderly}");
            // A write may have happened: the plane must not ask again.
            bench.next_is_ours().await;
        }
    }
}

#[tokio::test]
async fn a_region_that_is_not_there_leaves_a_reset() {
    let Bench { plane, east, west, bites } = Bench::new().await;
    drop(east);
    let bench = Bench { plane, east: super::wire::Stub::bind().await, west, bites };
    let mut client = bench.client(EAST).await;
    client.send(signed("GET", "/b/k", "")).await;
    assert_eq!(client.rest().await, (Vec::new(), End::Reset));
}

#[tokio::test]
async fn an_answer_that_is_none_leaves_a_reset() {
    for said in ["SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"]
    {
        let bench = Bench::new().await;
        let (mut client, mut region, _) = bench.exchange(&signed("GET", "/b/k", "")).await;
        region.send(said).await;
        assert_eq!(client.rest().await, (Vec::new(), End::Reset), "{said:?}");
        bench.next_is_ours().await;
    }
}

#[tokio::test]
async fn a_client_that_gives_up_takes_its_request_along() {
    for orderly in [false, true] {
        let bench = Bench::new().await;
        // Waiting for the answer.
        let (client, mut region, _) = bench.exchange(&signed("PUT", "/b/k", "Content-Length: 0\r\n")).await;
        if orderly {
            drop(client);
        } else {
            client.reset();
        }
        assert!(region.rest().await.0.is_empty(), "orderly: {orderly}");

        // In the middle of its body: the region sees less than was announced.
        let (mut client, mut region, _) = bench.exchange(&signed("PUT", "/b/k", "Content-Length: 1000\r\n")).await;
        client.send(bytes(400)).await;
        region.exactly(400).await;
        if orderly {
            drop(client);
        } else {
            client.reset();
        }
        assert!(region.rest().await.0.is_empty(), "orderly: {orderly}");

        // The same with chunks: they never end as a whole body does.
        let (mut client, mut region, _) =
            bench.exchange(&signed("PUT", "/b/k", "Transfer-Encoding: chunked\r\n")).await;
        client.send("5\r\nabcde\r\n").await;
        region.exactly(b"5\r\nabcde\r\n".len()).await;
        if orderly {
            drop(client);
        } else {
            client.reset();
        }
        let left = region.rest().await.0;
        assert!(!left.starts_with(b"0\r\n"), "{:?}", String::from_utf8_lossy(&left));

        // In the middle of the answer.
        let (mut client, mut region, _) = bench.exchange(&signed("GET", "/b/k", "")).await;
        region.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc").await;
        client.head().await;
        if orderly {
            drop(client);
        } else {
            client.reset();
        }
        assert!(region.rest().await.0.is_empty(), "orderly: {orderly}");
        bench.next_is_ours().await;
    }
}
