package sms

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// SNS is Amazon's Simple Notification Service.
type SNS struct {
	client *sns.Client
	sender string
}

// SNSOptions say whose SNS it is.
type SNSOptions struct {
	// HTTP reaches it; nil is a client of its own.
	HTTP   *http.Client
	Region string
	// Endpoint is a URL in the place of Amazon's; "" is Amazon's of the region.
	Endpoint                     string
	AccessKeyID, SecretAccessKey string
	// SenderID is the name that messages come from, where a country has such; "" is none.
	SenderID string
}

// NewSNS returns a sender through SNS.
func NewSNS(o SNSOptions) *SNS {
	options := sns.Options{
		Region: o.Region, HTTPClient: client(o.HTTP), RetryMaxAttempts: 2,
		Credentials: credentials.NewStaticCredentialsProvider(o.AccessKeyID, o.SecretAccessKey, ""),
	}
	if o.Endpoint != "" {
		options.BaseEndpoint = aws.String(o.Endpoint)
	}
	return &SNS{client: sns.New(options), sender: o.SenderID}
}

// Send publishes the message to the number, as one that must arrive.
func (s *SNS) Send(ctx context.Context, m Message) error {
	if !IsNumber(m.To) {
		return ErrNumber
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	text := func(value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	attributes := map[string]types.MessageAttributeValue{"AWS.SNS.SMS.SMSType": text("Transactional")}
	if s.sender != "" {
		attributes["AWS.SNS.SMS.SenderID"] = text(s.sender)
	}
	_, err := s.client.Publish(ctx, &sns.PublishInput{
		PhoneNumber: aws.String(m.To), Message: aws.String(m.Text), MessageAttributes: attributes,
	})
	return err
}
