// Shows the contracts that openapi/index.json lists. A file of its own, because the page's content security
// policy allows no inline script.
fetch('openapi/index.json')
  .then((answer) => answer.json())
  .then((urls) => {
    SwaggerUIBundle({
      urls,
      dom_id: '#reference',
      deepLinking: true,
      filter: true,
      layout: 'StandaloneLayout',
      presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
      // No request leaves for a validator elsewhere.
      validatorUrl: null,
      // The refresh cookie goes only to this origin.
      withCredentials: true,
    });
  });
