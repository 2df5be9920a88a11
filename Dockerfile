# docker build -t tandem .
#
# docker run --network host --cap-add NET_ADMIN --cap-add NET_RAW --cap-add NET_BIND_SERVICE \
#     -v /etc/nginx:/etc/nginx:ro -v /etc/keepalived:/etc/keepalived:ro \
#     -v /usr/share/nginx:/usr/share/nginx:ro -v /var/log/nginx:/var/log/nginx tandem
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /tandem .

# A base with the users that a "user" directive may name.
FROM debian:bookworm-slim
COPY --from=build /tandem /usr/sbin/tandem
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/usr/sbin/tandem"]
