package conformance;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import dtms.v1.DtmsServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.ServiceDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.ClientCalls;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The calls of a scenario, on one channel; requests and answers are protobuf's JSON. */
final class Service implements AutoCloseable {
  private static final List<ServiceDescriptor> SERVICES =
      List.of(DtmsServiceGrpc.getServiceDescriptor(), HealthGrpc.getServiceDescriptor());

  private final ManagedChannel channel;

  Service(String address) {
    channel =
        Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
            .disableRetry()
            .keepAliveTime(20, TimeUnit.SECONDS)
            .keepAliveTimeout(10, TimeUnit.SECONDS)
            .build();
  }

  /** Makes a unary call; a call that is to be cancelled is, so long after its beginning. */
  JsonObject call(String rpc, JsonObject request, Duration deadline, Optional<Duration> cancelAfter)
      throws Failure {
    var method = method(rpc);
    var call = channel.newCall(method, within(deadline));
    cancelAfter.ifPresent(
        pause ->
            CompletableFuture.delayedExecutor(pause.toMillis(), TimeUnit.MILLISECONDS)
                .execute(() -> call.cancel("the scenario cancels it", null)));
    try {
      return json(ClientCalls.blockingUnaryCall(call, message(method, request)));
    } catch (StatusRuntimeException error) {
      throw Failure.of(error);
    }
  }

  /** Begins to stream events. */
  BlockingClientCall<Message, Message> stream(JsonObject request, CallOptions options) {
    var method = method("StreamMonitorEvents");
    return ClientCalls.blockingV2ServerStreamingCall(
        channel, method, options, message(method, request));
  }

  /** Lets the next call connect at once: gRPC's own pause grows to two minutes. */
  void hurry() {
    channel.resetConnectBackoff();
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }

  /** Returns a message as its JSON. */
  static JsonObject json(MessageOrBuilder message) {
    try {
      return JsonParser.parseString(JsonFormat.printer().print(message)).getAsJsonObject();
    } catch (InvalidProtocolBufferException unknownAny) {
      throw new IllegalArgumentException(unknownAny);
    }
  }

  /** Returns what gives a call a deadline. */
  static CallOptions within(Duration deadline) {
    return CallOptions.DEFAULT.withDeadlineAfter(deadline.toMillis(), TimeUnit.MILLISECONDS);
  }

  @SuppressWarnings("unchecked") // all methods of the generated stubs take and answer messages
  private static MethodDescriptor<Message, Message> method(String rpc) {
    return SERVICES.stream()
        .flatMap(service -> service.getMethods().stream())
        .filter(method -> rpc.equals(method.getBareMethodName()))
        .map(method -> (MethodDescriptor<Message, Message>) method)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("there is no RPC " + rpc));
  }

  private static Message message(MethodDescriptor<Message, Message> method, JsonObject request) {
    var marshaller = (MethodDescriptor.PrototypeMarshaller<Message>) method.getRequestMarshaller();
    var message = marshaller.getMessagePrototype().newBuilderForType();
    try {
      JsonFormat.parser().merge(request.toString(), message);
    } catch (InvalidProtocolBufferException wrong) {
      throw new IllegalArgumentException(wrong);
    }
    return message.build();
  }
}
