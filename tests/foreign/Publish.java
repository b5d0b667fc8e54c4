import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/** Publishes in every way that Java's client has, and receives what it published; prints a line for each. */
public class Publish {
  public static void main(String[] arguments) throws Exception {
    String url = arguments[0], key = arguments[1], token = arguments[2], body = arguments[3];
    CompletableFuture<String> first = new CompletableFuture<>();
    WebSocket socket = HttpClient.newHttpClient().newWebSocketBuilder().subprotocols("hub.v1")
        .buildAsync(URI.create("ws" + url.substring(4) + "/ws?token=" + token), new WebSocket.Listener() {
          private final StringBuilder text = new StringBuilder();

          @Override
          public CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
            text.append(part);
            if (last && text.indexOf("cart_updated") >= 0) first.complete("received");
            if (last) text.setLength(0);
            return WebSocket.Listener.super.onText(from, part, last);
          }
        }).get(10, TimeUnit.SECONDS);
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    Map<String, BodyPublisher> publishers = Map.of(
        "whole", BodyPublishers.ofString(body),
        "chunked", BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(bytes)));
    for (HttpClient.Version version : HttpClient.Version.values()) {
      for (Map.Entry<String, BodyPublisher> publisher : publishers.entrySet()) {
        for (boolean expects : new boolean[] {false, true}) {
          // A client of its own: Java offers h2c on the first request of a connection.
          HttpClient client = HttpClient.newBuilder().version(version).build();
          HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/api/internal/notify"))
              .header("Authorization", "Bearer " + key).header("Content-Type", "application/json; charset=UTF-8")
              .expectContinue(expects).POST(publisher.getValue()).build();
          for (int time = 1; time <= 2; time++) {
            int status = client.send(request, BodyHandlers.ofString()).statusCode();
            System.out.println(version + " " + publisher.getKey() + (expects ? " expects " : " ") + time + ": " + status);
          }
        }
      }
    }
    System.out.println("WebSocket: " + first.get(10, TimeUnit.SECONDS));
    socket.abort();
  }
}
