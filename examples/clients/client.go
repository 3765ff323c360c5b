// A client of Media Vault with Go's standard library alone: go run client.go URL USER PASSWORD FILE [PER_PAGE]
// Logs in, listens to media_updates (server-sent events, begun again where they were cut), uploads the file,
// waits until the hub has made of it what it can, and pages through the list, never faster than it allows.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"
)

type object = map[string]interface{}

var base, token string

func sleep(s float64) { time.Sleep(time.Duration(s * float64(time.Second))) }

// Spreads the last tenth of what may pass over the rest of the window.
func slowDown(h http.Header) {
	var limit, left, rest float64
	fmt.Sscan(h.Get("X-RateLimit-Limit")+" "+h.Get("X-RateLimit-Remaining")+" "+h.Get("X-RateLimit-Reset"), &limit, &left, &rest)
	rest -= float64(time.Now().Unix())
	if _, told, ok := strings.Cut(h.Get("RateLimit"), ";"); ok {
		fmt.Sscanf(told, "r=%f;t=%f", &left, &rest)
	}
	if left <= limit/10 {
		sleep(rest / (left + 1)) // not at all where there is no limit
	}
}

// The answer, however long it takes; what is wrong with the request ends the program.
func send(method, path string, body []byte, headers http.Header) *http.Response {
	for ; ; sleep(2) {
		request, _ := http.NewRequest(method, base+path, bytes.NewReader(body))
		request.Header = headers
		request.Header.Set("Authorization", "Bearer "+token)
		if answer, err := http.DefaultClient.Do(request); err != nil {
			log.Println(err)
		} else if slowDown(answer.Header); answer.StatusCode < 300 {
			return answer
		} else if answer.StatusCode != 429 && answer.StatusCode != 503 {
			log.Fatalln(method, path, answer.Status)
		}
	}
}

func call(method, path, contentType string, body []byte) (out object) {
	answer := send(method, "/api/v1"+path, body, http.Header{"Content-Type": {contentType}})
	defer answer.Body.Close()
	json.NewDecoder(answer.Body).Decode(&out)
	return out
}

// What happens, until hear has heard enough; see /docs/realtime.
func listen(channel string, hear func(object) bool) {
	headers, retry := http.Header{"Accept": {"text/event-stream"}}, 2000.0
	for ; ; sleep(retry / 1000) {
		stream := send("GET", "/realtime?channel="+channel, nil, headers)
		for lines := bufio.NewScanner(stream.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			if message := (object{}); name == "id" {
				headers.Set("Last-Event-ID", value) // where to go on
			} else if name == "retry" {
				fmt.Sscan(value, &retry)
			} else if name == "data" && json.Unmarshal([]byte(value), &message) == nil && hear(message) {
				return
			}
		}
	}
}

func main() {
	args, listed, media := append(os.Args[1:], "20"), 0, interface{}(nil)
	base = args[0]
	login, _ := json.Marshal(object{"username": args[1], "password": args[2]})
	token = call("POST", "/auth/login", "application/json", login)["token"].(string)
	listen("media_updates", func(m object) bool {
		if m["type"] == "subscribed" && media == nil {
			file, _ := os.ReadFile(args[3])
			media = call("POST", "/media/upload?filename="+url.QueryEscape(path.Base(args[3])), "application/octet-stream", file)["data"].(object)["id"]
		}
		fmt.Println(m["type"], m["event"], m["resource_id"])
		return m["resource_id"] == media && (m["event"] == "media.ready" || m["event"] == "media.failed")
	})
	for to, more := "/media?per_page="+args[4], true; more; {
		page := call("GET", to, "", nil)
		listed += len(page["data"].([]interface{}))
		to, more = page["meta"].(object)["pagination"].(object)["links"].(object)["next"].(string)
	}
	fmt.Println("listed", listed)
}
