"""/realtime as a browser uses it: EventSource and WebSocket of a page, with tickets."""
import pytest
from browser import Browser, Way
from harness import wait_for
from test_streams import upload

ASK = """fetch('/realtime/tickets', {method: 'POST', headers: {Authorization: 'Bearer %s'}})
  .then((answer) => answer.json()).then((body) => body.ticket)"""
LISTEN = """(() => {
  window.heard = [];
  window.source = new EventSource('/realtime?channel=media_updates&channel=user_updates&ticket=%s');
  source.onmessage = (event) => heard.push({...JSON.parse(event.data), last: event.lastEventId});
})()"""


@pytest.fixture
def browser(tmp_path):
    browser = Browser(tmp_path / "browser")
    yield browser
    browser.close()


def test_a_page_hears_everything_once(make_hub, browser):
    hub = make_hub("--gateways", "2")
    token, session, way = hub.login(), hub.session(), Way(hub)
    browser.open(way.url + "/")

    def heard(kind, **fields):
        return [m for m in browser.run("heard") if m["type"] == kind
                and all(m.get(name) == value for name, value in fields.items())]

    def hears(number):
        wait_for(lambda: [m["resource_id"] for m in heard("event", event="media.uploaded")][-1:]
                 == uploaded[-1:], f"{number} uploads")

    browser.run(LISTEN % browser.run(ASK % token))
    wait_for(lambda: heard("subscribed", channel="user_updates"), "the subscription")
    uploaded = [upload(hub, session, 1)]
    hears(1)
    for number in range(2, 6, 2):
        way.cut()                                     # the browser comes back by itself
        uploaded += [upload(hub, session, number), upload(hub, session, number + 1)]
        hears(number + 1)
    assert [m["resource_id"] for m in heard("event", event="media.uploaded")] == uploaded
    assert all(m["last"] == m["position"] for m in heard("event"))
    assert len(heard("subscribed", recovered=True)) == 4 and not heard("gap")

    # A WebSocket of the page, which can send no header either.
    assert browser.run("""new Promise((done) => {
      const socket = new WebSocket('/realtime?ticket=%s'.replace(/^/, location.origin.replace('http', 'ws')));
      socket.onmessage = (event) => JSON.parse(event.data).type === 'auth_ok' && done(true);
      socket.onclose = (event) => done(event.code);
    })""" % browser.run(ASK % token)) is True

    # The login's end is the end: the browser comes back once, is refused, and stops.
    hub.session(token).post(hub.api + "/auth/logout")
    assert wait_for(lambda: heard("closed"), "the last message")[0]["code"] == 4001
    wait_for(lambda: browser.run("source.readyState") == 2, "its giving up")
    way.close()
